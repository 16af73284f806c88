// docker, podman, kubectl: which of their words are a command that runs inside.
#include <algorithm>

#include "rules/shell/wrappers.h"

namespace berm::shell {
namespace {

// Options before the verb (docker(1), kubectl(1)).
constexpr OptionTable kGlobal = {
    "Dv", "cHlfpns",
    "debug tls tlsverify version help insecure-skip-tls-verify remote all-resources compatibility "
    "dry-run",
    "config context host log-level tlscacert tlscert tlskey file project-name profile env-file "
    "project-directory namespace kubeconfig cluster user server token url connection identity ansi "
    "progress parallel"};
constexpr OptionTable kRun = {
    "ditPqT", "aceuvwhlmpen",
    "detach interactive tty rm init privileged read-only publish-all no-healthcheck "
    "oom-kill-disable sig-proxy disable-content-trust quiet "
    "help no-deps service-ports use-aliases build no-TTY remove-orphans quiet-pull replace "
    "no-hosts rmi",
    "add-host annotation attach blkio-weight cap-add cap-drop cgroup-parent cgroupns cidfile "
    "cpu-count cpu-period cpu-quota cpu-shares cpus "
    "cpuset-cpus cpuset-mems detach-keys device device-cgroup-rule dns dns-option dns-search "
    "domainname entrypoint env env-file expose gpus "
    "group-add health-cmd health-interval health-retries health-timeout hostname ip ip6 ipc "
    "isolation label label-file link log-driver log-opt "
    "mac-address memory memory-reservation memory-swap memory-swappiness mount name network net "
    "network-alias oom-score-adj pid pids-limit "
    "platform publish pull restart runtime security-opt shm-size stop-signal stop-timeout "
    "storage-opt sysctl tmpfs ulimit user userns uts volume "
    "volume-driver volumes-from workdir pod arch os index service"};

std::vector<Word> from(const std::vector<Word>& words, std::size_t at) {
  at = std::min(at, words.size());
  return {words.begin() + static_cast<std::ptrdiff_t>(at), words.end()};
}

Started inside(const std::vector<Word>& words, std::size_t at, bool takes_entrypoint) {
  Started out;
  const Options options = read_options(words, at, kRun);
  if (!options.known || options.uncertain ||
      (options.next < words.size() && words[options.next].splits)) {
    out.unknown = true;
    return out;
  }
  std::vector<Word> inner = from(words, options.next + 1);
  const Option* entrypoint = options.find("entrypoint");
  if (takes_entrypoint && entrypoint != nullptr && !entrypoint->value.text.empty()) {
    inner.insert(inner.begin(), entrypoint->value);
  }
  if (!inner.empty()) out.commands.push_back(std::move(inner));
  return out;
}

// kubectl exec POD -c x -- CMD. Without "--" it warns and takes what follows the pod.
Started inside_pod(const std::vector<Word>& words, std::size_t at) {
  Started out;
  for (std::size_t i = at; i < words.size(); ++i) {
    if (words[i].text != "--") continue;
    if (i + 1 < words.size()) out.commands.push_back(from(words, i + 1));
    return out;
  }
  out.unknown = words.size() > at + 1;
  return out;
}

}  // namespace

Started started_by_container(const std::vector<Word>& words, std::string_view name) {
  Started out;
  Options global = read_options(words, 1, kGlobal);
  std::size_t at = global.next;
  if (at < words.size() && (words[at].text == "container" || words[at].text == "compose")) {
    global = read_options(words, at + 1, kGlobal);
    at = global.next;
  }
  const bool starts = std::any_of(words.begin(), words.end(), [](const Word& word) {
    return word.text == "exec" || word.text == "run" || word.text == "create" ||
           word.text == "debug";
  });
  if (!global.known || global.uncertain) {
    out.unknown = starts;
    return out;
  }
  if (at >= words.size()) return out;
  const std::string& verb = words[at].text;
  if (name == "kubectl" || name == "oc") {
    if (verb == "exec" || verb == "run" || verb == "debug" || verb == "rsh")
      return inside_pod(words, at + 1);
    return out;
  }
  if (verb == "exec" || verb == "run" || verb == "create")
    return inside(words, at + 1, verb != "exec");
  out.unknown = words[at].unknown;
  return out;
}

}  // namespace berm::shell
