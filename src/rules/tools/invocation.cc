#include "rules/tools/invocation.h"

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

struct ValueOptions {
  std::string_view program;
  std::string_view options;  ///< those whose value is the next word
};

// Options in front of, or among, the operands that rules look at. What is missing here makes an
// option's value look like an operand.
constexpr ValueOptions kValueOptions[] = {
    {"git",
     "-C -c --git-dir --work-tree --namespace --config-env -m --message -F --file --author "
     "--date -b -B --pathspec-from-file --exec"},
    {"docker",
     "-H --host -c --context --config -l --log-level -v --volume --mount -e --env --name "
     "-p --publish -w --workdir -u --user --network --net --entrypoint -h --hostname "
     "--label --env-file --pid --ipc --uts --userns --cap-add --cap-drop --device "
     "--security-opt -m --memory --cpus --restart --add-host --dns --ulimit --shm-size "
     "--tmpfs --platform --pull --gpus --link --volumes-from --log-driver --log-opt "
     "--runtime --cgroupns --ip --expose --attach --cidfile -f --file --project-name "
     "--profile --project-directory -t --tag --build-arg --target --filter --format"},
    {"kubectl",
     "-n --namespace --context --kubeconfig --cluster --user -s --server --as -l "
     "--selector -f --filename -o --output -c --container --token --field-selector"},
    {"helm", "-n --namespace --kube-context --kubeconfig -f --values --set --version --timeout"},
    {"aws", "--profile --region --endpoint-url --output --query --ca-bundle --color"},
    {"gcloud", "--project --account --zone --region --format --configuration --filter"},
    {"az", "-g --resource-group -n --name --subscription -o --output --query"},
    {"npm", "--prefix --registry --userconfig -w --workspace -C --tag --access --otp --loglevel"},
    {"pnpm", "-C --dir --filter -F --registry --tag --access --otp"},
    {"yarn", "--cwd --registry --tag --access"},
    {"pip",
     "-r --requirement -c --constraint -i --index-url --extra-index-url -f --find-links -t "
     "--target --prefix --root --python --platform --trusted-host --proxy --cache-dir "
     "--config-settings --only-binary --no-binary --timeout --retries --progress-bar"},
    {"uv",
     "-r --requirement -c --constraint -i --index-url --extra-index-url --index -p --python "
     "--directory --project --with --default-index --find-links"},
    {"terraform", "-var -var-file -target -state -out"},
    {"kill", "-s -n --signal"},
    {"psql", "-h --host -p --port -U --username -d --dbname -c --command -f --file -v --set -o"},
    {"mysql", "-h --host -P --port -u --user -D --database -e --execute"},
    {"curl",
     "-o --output -H --header -d --data --data-raw --data-binary -X --request -u --user -A "
     "--user-agent -e --referer -b --cookie -c --cookie-jar -F --form -T --upload-file "
     "--retry --max-time -m --connect-timeout -w --write-out --cacert --cert --key -x "
     "--proxy --resolve --output-dir -K --config --url"},
    {"wget",
     "-O --output-document -o --output-file -P --directory-prefix -U --user-agent -T "
     "--timeout -t --tries --header --post-data --post-file -i --input-file"},
    {"systemctl", "-H --host -M --machine -t --type --state -p --property -n --lines -o --output"},
    {"cp", "-t --target-directory -S --suffix"},
    {"mv", "-t --target-directory -S --suffix"},
    {"ln", "-t --target-directory -S --suffix"},
    {"install", "-t --target-directory -S --suffix -m --mode -o --owner -g --group"},
    {"touch", "-d --date -t -r --reference"},
    {"truncate", "-s --size -r --reference"},
    {"sed", "-e --expression -f --file -l --line-length"},
    {"grep", "-e --regexp -f --file -m --max-count -A -B -C --include --exclude --exclude-dir"},
    {"rg", "-e --regexp -f --file -m --max-count -A -B -C -g --glob -t --type -T --type-not -r"},
    {"head", "-n --lines -c --bytes"},
    {"tail", "-n --lines -c --bytes"},
    {"sort", "-k --key -t --field-separator -o --output -S -T --parallel"},
    {"cut", "-d --delimiter -f --fields -c --characters -b --bytes"},
    {"awk", "-F --field-separator -v --assign -f --file"},
    {"jq", "-f --from-file --indent"},
    {"mkdir", "-m --mode"},
    {"redis-cli", "-h -p -a -n -u --user --pass"},
    {"alembic", "-c --config -n --name -x"},
};

// The same options, by another name.
std::string_view options_like(std::string_view program) {
  constexpr std::pair<std::string_view, std::string_view> kSame[] = {
      {"podman", "docker"}, {"nerdctl", "docker"},       {"tofu", "terraform"},
      {"egrep", "grep"},    {"fgrep", "grep"},           {"gawk", "awk"},
      {"mawk", "awk"},      {"mariadb", "mysql"},        {"oc", "kubectl"},
      {"bun", "npm"},       {"docker-compose", "docker"}};
  for (const auto& [name, like] : kSame) {
    if (name == program) return like;
  }
  return program;
}

std::string_view value_options(std::string_view program) {
  const std::string_view like = options_like(program);
  for (const ValueOptions& row : kValueOptions) {
    if (row.program == like) return row.options;
  }
  return "";
}

bool is_option(std::string_view word) { return word.size() > 1 && word[0] == '-'; }

template <class Each>
void for_each_word(std::string_view list, Each each) {
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    if (end > at) each(list.substr(at, end - at));
    at = end + 1;
  }
}

bool is_this_option(std::string_view word, std::string_view option) {
  if (word == option) return true;
  if (option.starts_with("--")) {
    return word.size() > option.size() && word.starts_with(option) && word[option.size()] == '=';
  }
  // A cluster of letters; with anything else in it, its tail is some letter's value.
  const bool letter = option.size() == 2 && word.size() > 2 && word[0] == '-' && word[1] != '-';
  return letter && word.find(option[1], 1) != std::string_view::npos && word.size() <= 8 &&
         std::ranges::all_of(word.substr(1), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

}  // namespace

bool is_one_of(std::string_view word, std::string_view list) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  for (std::size_t at = list.find(word); at != std::string_view::npos;
       at = list.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || list[at - 1] == ' ') && (end == list.size() || list[end] == ' ')) return true;
  }
  return false;
}

std::string_view program_name(std::string_view word) {
  std::string_view name = word.substr(word.rfind('/') + 1);
  for (const std::string_view versioned : {"python", "pip", "ruby", "gem", "php", "perl", "node"}) {
    if (name.size() > versioned.size() && name.starts_with(versioned) &&
        name.find_first_not_of("0123456789.", versioned.size()) == std::string_view::npos) {
      return versioned;
    }
  }
  return name;
}

std::size_t runner_words(const std::vector<ShellWord>& words) {
  if (words.size() < 2) return 0;
  const std::string_view program = program_name(words[0].text);
  const std::string_view second = words[1].text;
  std::size_t at = 0;
  if (is_one_of(program, "npx bunx uvx")) {
    at = 1;
  } else if (is_one_of(program, "pnpm yarn npm bun") && is_one_of(second, "exec dlx x")) {
    at = 2;
  } else if (is_one_of(program, "bundle poetry pipenv uv hatch pdm rye pipx") &&
             is_one_of(second, "exec run")) {
    at = 2;
  } else if (program == "python" && second == "-m") {
    at = 2;
  } else if (program == "python" && second.ends_with("manage.py")) {
    at = 1;
  } else if (program == "php" && second.ends_with("artisan")) {
    at = 1;
  } else if (is_one_of(program, "pnpm yarn") && is_one_of(second, "prisma sequelize knex rails")) {
    at = 1;
  }
  while (at > 0 && at < words.size() && is_option(words[at].text)) ++at;
  return at < words.size() ? at : 0;
}

Invocation::Invocation(const SimpleCommand& command, std::string_view cwd,
                       const ToolContext& context, std::size_t skip)
    : command_(command), cwd_(cwd), context_(context) {
  if (command.words.size() > skip) program_ = program_name(command.words[skip].text);
  sort_words(skip);
}

void Invocation::sort_words(std::size_t skip) {
  const std::string_view with_value = value_options(program_);
  bool options_end = false;
  for (std::size_t i = skip + 1; i < command_.words.size(); ++i) {
    const ShellWord& word = command_.words[i];
    words_.push_back(&word);
    if (!options_end && word.text == "--") {
      options_end = true;
    } else if (options_end || !is_option(word.text)) {
      operands_.push_back(&word);
    } else if (is_one_of(word.text, with_value) && i + 1 < command_.words.size()) {
      words_.push_back(&command_.words[++i]);
    }
  }
}

std::string_view Invocation::operand(std::size_t n) const {
  return n < operands_.size() ? std::string_view(operands_[n]->text) : std::string_view();
}

bool Invocation::verb(std::string_view blank_separated) const {
  std::size_t n = 0;
  bool same = true;
  for_each_word(blank_separated,
                [&](std::string_view word) { same = same && operand(n++) == word; });
  return same;
}

bool Invocation::has(std::string_view options) const {
  for (const ShellWord* word : words_) {
    if (word->text == "--") return false;
    bool found = false;
    for_each_word(options, [&](std::string_view option) {
      found = found || is_this_option(word->text, option);
    });
    if (found) return true;
  }
  return false;
}

std::vector<std::string_view> Invocation::values(std::string_view options) const {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < words_.size() && words_[i]->text != "--"; ++i) {
    const std::string_view word = words_[i]->text;
    for_each_word(options, [&](std::string_view option) {
      if (word == option) {
        if (i + 1 < words_.size()) out.push_back(words_[i + 1]->text);
      } else if (option.starts_with("--")) {
        if (is_this_option(word, option)) out.push_back(word.substr(option.size() + 1));
      } else if (option.size() == 2 && word.size() > 2 && word.starts_with(option)) {
        out.push_back(word.substr(word[2] == '=' ? 3 : 2));
      }
    });
  }
  return out;
}

std::string_view Invocation::value(std::string_view options) const {
  const std::vector<std::string_view> found = values(options);
  return found.empty() ? std::string_view() : found.front();
}

std::string Invocation::path(const ShellWord& word) const {
  return normal_path(word.text, cwd_, context_.home);
}

std::string normal_path(std::string_view path, std::string_view cwd, std::string_view home) {
  std::string whole;
  if (path.starts_with('/')) {
    whole = path;
  } else if (path == "~" || path.starts_with("~/")) {
    whole = std::string(home) + "/" + std::string(path.substr(1));
  } else {
    whole = std::string(cwd) + "/" + std::string(path);
  }
  std::string out;
  for (const std::string_view part : split(whole, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      out.erase(std::min(out.rfind('/'), out.size()));
    } else {
      out += '/';
      out += part;
    }
  }
  return out.empty() ? "/" : out;
}

bool is_within(std::string_view path, std::string_view root) {
  if (root == "/") return true;
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

}  // namespace berm
