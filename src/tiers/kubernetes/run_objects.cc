#include "tiers/kubernetes/run_objects.h"

namespace berm::kubernetes {
namespace {

using std::chrono::seconds;

constexpr Bytes kMiB{1 << 20};
// Beside the run's own time: the workspace's way there, the changes' way back.
constexpr seconds kTravel{15 * 60};
// The egress pod ends after the agent's, which it serves.
constexpr seconds kEgressLonger{5 * 60};
constexpr Bytes kLogs{64 * kMiB.count};
// Of berm in the agent's pod. The agent's own limit is met first, and told with its culprit.
constexpr Bytes kOwnMemory{128 * kMiB.count};

Labels labels_of(const Plan& plan) {
  return {{"app.kubernetes.io/name", "berm"},
          {"app.kubernetes.io/managed-by", "berm"},
          {kRunLabel, plan.run_id}};
}
Labels labels_of(const Plan& plan, const char* role) {
  Labels out = labels_of(plan);
  out[kRoleLabel] = role;
  return out;
}

Metadata named(const Metadata& like, const char* behind) {
  Metadata out = like;
  out.name += behind;
  return out;
}

// What both pods are alike in.
PodSpec base_pod(const Plan& plan) {
  const KubernetesPolicy& cluster = *plan.kubernetes;
  return {.service_account = cluster.service_account,
          .uid = plan.identity.uid,
          .seccomp = cluster.seccomp,
          .user_namespaces = cluster.user_namespaces,
          .priority_class = cluster.priority_class,
          .pull_secrets = cluster.pull_secrets,
          .node_selector = cluster.node_selector};
}

// berm's own programs, for an image that has none: copied where the agent's container sees them.
Container install_berm(const Plan& plan) {
  return {.name = "berm",
          .image = plan.kubernetes->berm_image,
          .command = {"/opt/berm/berm", "pod", "install", "/opt/berm-for-agent"},
          .resources = {.cpus = 0.1,
                        .memory = {64 * kMiB.count},
                        .ephemeral_storage = {128 * kMiB.count}},
          .mounts = {{.volume = "programs", .path = "/opt/berm-for-agent"}}};
}

PodSpec agent_pod(const Plan& plan) {
  const KubernetesPolicy& cluster = *plan.kubernetes;
  const bool installs = cluster.berm_image != cluster.image;
  PodSpec pod = base_pod(plan);
  pod.runtime_class = cluster.runtime_class;
  if (cluster.spread) pod.spread_over = {{kRoleLabel, "agent"}};
  pod.deadline = std::chrono::ceil<seconds>(plan.limits.time) + kTravel;
  // What was sent, the repository that was made of it, and the copy that the agent sees.
  const Bytes files{3 * plan.limits.disk.count + plan.limits.scratch.count};
  pod.volumes = {{"berm", EmptyDir{files}},
                 {"tmp", EmptyDir{plan.limits.scratch}},
                 {"channel", SecretFiles{object_name(plan) + "-agent"}}};
  const Bytes storage{files.count + plan.limits.scratch.count + kLogs.count};
  Container agent = {.name = "agent",
                     .image = cluster.image,
                     .command = {"/opt/berm/berm", "pod", "agent"},
                     .env = {{"BERM_RUN", plan.run_id}, {"HOME", "/berm"}},
                     .port = kAgentPort,
                     .resources = {.cpus = plan.limits.cpus,
                                   .memory = {plan.limits.memory.count + kOwnMemory.count},
                                   .ephemeral_storage = storage},
                     .mounts = {{.volume = "berm", .path = "/berm"},
                                {.volume = "tmp", .path = "/tmp"},
                                {.volume = "channel", .path = "/run/channel", .read_only = true}}};
  if (installs) {
    pod.volumes.push_back({"programs", EmptyDir{{128 * kMiB.count}}});
    agent.mounts.push_back({.volume = "programs", .path = "/opt/berm", .read_only = true});
    pod.init_containers.push_back(install_berm(plan));
  }
  pod.containers.push_back(std::move(agent));
  return pod;
}

PodSpec egress_pod(const Plan& plan, seconds agent_deadline) {
  PodSpec pod = base_pod(plan);
  pod.resolves_names = true;
  pod.deadline = agent_deadline + kEgressLonger;
  pod.volumes = {{"tmp", EmptyDir{{64 * kMiB.count}}},
                 {"run", SecretFiles{object_name(plan) + "-egress"}}};
  pod.containers = {{.name = "egress",
                     .image = plan.kubernetes->berm_image,
                     .command = {"/opt/berm/berm", "pod", "egress"},
                     .env = {{"BERM_RUN", plan.run_id}},
                     .port = kEgressPort,
                     .resources = {.cpus = 0.25,
                                   .memory = {256 * kMiB.count},
                                   .ephemeral_storage = {128 * kMiB.count}},
                     .mounts = {{.volume = "tmp", .path = "/tmp"},
                                {.volume = "run", .path = "/run/channel", .read_only = true}}}};
  return pod;
}

Object workload(const Plan& plan, const Metadata& like, const RunMaterial& material) {
  const KubernetesPolicy& cluster = *plan.kubernetes;
  Metadata metadata = named(like, "-agent");
  metadata.labels = labels_of(plan, "agent");
  if (!cluster.queue.empty()) metadata.labels["kueue.x-k8s.io/queue-name"] = cluster.queue;
  if (cluster.workload == KubernetesWorkload::sandbox) {
    return Sandbox{.metadata = std::move(metadata),
                   .pod_labels = labels_of(plan, "agent"),
                   .pod = agent_pod(plan),
                   .shutdown_time = material.shutdown_time};
  }
  return Job{.metadata = std::move(metadata),
             .pod_labels = labels_of(plan, "agent"),
             .pod = agent_pod(plan),
             .suspended = !cluster.queue.empty(),
             .kept = std::chrono::ceil<seconds>(cluster.keep)};
}

}  // namespace

std::string object_name(const Plan& plan) { return "berm-" + plan.run_id; }

std::vector<Object> run_objects(const Plan& plan, const RunMaterial& material) {
  const Metadata first = {.name = object_name(plan),
                          .name_space = plan.kubernetes->name_space,
                          .labels = labels_of(plan)};
  Metadata like = first;
  like.owner = material.owner;
  // Shared by all runs of the namespace, so nobody's in particular.
  const Metadata account = {.name = plan.kubernetes->service_account,
                            .name_space = plan.kubernetes->name_space,
                            .labels = {{"app.kubernetes.io/name", "berm"}}};
  std::vector<Object> out = {
      ConfigMap{first, {{"run", plan.run_id}, {"plan", material.plan_digest}}},
      ServiceAccount{account}};
  for (Object& policy : network_objects(plan, like)) out.push_back(std::move(policy));
  out.push_back(Secret{named(like, "-agent"), material.agent_files});
  out.push_back(Secret{named(like, "-egress"), material.egress_files});
  Metadata egress = named(like, "-egress");
  egress.labels = labels_of(plan, "egress");
  out.push_back(Service{egress, labels_of(plan, "egress"), kEgressPort});
  out.push_back(Pod{egress, egress_pod(plan, agent_pod(plan).deadline)});
  out.push_back(workload(plan, like, material));
  return out;
}

}  // namespace berm::kubernetes
