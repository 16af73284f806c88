// cloud: what deletes or opens up things that live outside of this machine and cost or earn money.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kLeave = "show the plan to the user and leave it to them";

bool begins_with_one_of(std::string_view word, std::string_view prefixes) {
  for (std::size_t at = 0; at < prefixes.size();) {
    const std::size_t end = std::min(prefixes.find(' ', at), prefixes.size());
    if (word.starts_with(prefixes.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}

bool has_operand(const Invocation& c, std::string_view words) {
  return std::ranges::any_of(c.operands(),
                             [&](const ShellWord* word) { return is_one_of(word->text, words); });
}

bool aws_destroys(const Invocation& c) {
  if (c.has("--dry-run --dryrun")) return false;
  if (c.verb("s3 rb")) return true;
  if (c.verb("s3 rm")) return c.has("--recursive");
  if (c.verb("s3 sync")) return c.has("--delete");
  return begins_with_one_of(c.operand(1),
                            "delete- terminate- destroy- deregister- purge- batch-delete- "
                            "schedule-key-deletion disable-key");
}

bool aws_changes_access(const Invocation& c) {
  if (!is_one_of(c.operand(0), "iam organizations sso-admin")) {
    return is_one_of(c.operand(1),
                     "put-bucket-policy put-bucket-acl put-public-access-block "
                     "put-key-policy");
  }
  return !c.operand(1).empty() && !begins_with_one_of(c.operand(1),
                                                      "get- list- describe- simulate- wait help "
                                                      "generate-credential-report");
}

bool gcloud_destroys(const Invocation& c) {
  if (c.program() == "gsutil") {
    const bool tree = c.has("-r -R -d");
    return has_operand(c, "rb") || (tree && has_operand(c, "rm rsync"));
  }
  if (c.program() == "bq") return has_operand(c, "rm");
  if (c.verb("storage rm")) return c.has("-r -R --recursive");
  return has_operand(c,
                     "delete destroy set-iam-policy add-iam-policy-binding "
                     "remove-iam-policy-binding");
}

bool az_destroys(const Invocation& c) {
  return has_operand(c, "delete purge delete-batch") || c.verb("role assignment create");
}

bool stack_destroys(const Invocation& c) {
  const std::string& program = c.program();
  if (program == "pulumi") {
    return c.verb("destroy") || c.verb("stack rm") || (c.verb("up") && c.has("-y --yes")) ||
           (c.verb("update") && c.has("-y --yes"));
  }
  if (is_one_of(program, "cdk sst cdktf")) return c.verb("destroy") || c.verb("remove");
  if (is_one_of(program, "serverless sls")) return c.verb("remove");
  if (program == "sam") return c.verb("delete");
  // terraform and its kin take options with one dash: "-auto-approve", "-destroy".
  const bool unasked = c.has("-auto-approve --auto-approve --terragrunt-non-interactive");
  if (c.verb("destroy")) return true;
  if (c.verb("apply")) return unasked || c.has("-destroy --destroy");
  return c.verb("state rm") || c.verb("workspace delete") || c.verb("force-unlock") ||
         c.verb("run-all destroy");
}

bool hosting_destroys(const Invocation& c) {
  const std::string_view verb = c.operand(0);
  if (c.program() == "heroku") {
    return is_one_of(verb, "apps:destroy pg:reset addons:destroy destroy pipelines:destroy");
  }
  if (c.program() == "firebase") return verb.find("delete") != std::string_view::npos;
  if (is_one_of(c.program(), "vercel netlify")) {
    return is_one_of(verb, "rm remove sites:delete") || c.verb("project rm");
  }
  return has_operand(c, "delete destroy");
}

bool forge_destroys(const Invocation& c) {
  if (c.verb("repo delete") || c.verb("repo archive") || c.verb("secret delete") ||
      c.verb("ruleset delete") || c.verb("release delete") || c.verb("project delete")) {
    return true;
  }
  return c.verb("api") && c.value("-X --method") == "DELETE";
}

constexpr CommandRule kCommands[] = {
    {"aws-destroy", "aws", aws_destroys, "it deletes what lives in the cloud", kLeave},
    {"aws-access", "aws", aws_changes_access, "it changes who may do what", kLeave},
    {"gcloud-destroy", "gcloud gsutil bq", gcloud_destroys,
     "it deletes what lives in the cloud or changes who may do what", kLeave},
    {"azure-destroy", "az", az_destroys,
     "it deletes what lives in the cloud or changes who may do what", kLeave},
    {"stack-destroy", "terraform tofu terragrunt pulumi cdk cdktf sst serverless sls sam",
     stack_destroys, "it changes or removes infrastructure without anybody being asked", kLeave},
    {"hosting-destroy", "heroku firebase vercel netlify flyctl fly doctl eksctl hcloud linode-cli",
     hosting_destroys, "it deletes what is hosted elsewhere", kLeave},
    {"forge-destroy", "gh glab", forge_destroys, "it deletes what the forge keeps for everybody",
     kLeave},
};

}  // namespace

const Pack kCloudPack = {"cloud",
                         "What deletes or opens up things that live outside of this machine.",
                         kCommands,
                         {},
                         {}};

}  // namespace berm
