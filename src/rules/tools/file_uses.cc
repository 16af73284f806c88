#include "rules/tools/file_uses.h"

#include <algorithm>

namespace berm {
namespace {

// What the operands of a program are.
enum class Operands : std::uint8_t {
  read,         ///< every one is read
  write,        ///< every one is written
  copy,         ///< the last one is written (into), the others are read
  move,         ///< the same, and what is moved away is written too
  link,         ///< the last one is written, what it points to is left alone
  after_first,  ///< the first is a pattern or program, the others are read
  mode_first,   ///< the first is a mode or owner, the others are written
  remove,       ///< every one is written (removed)
  none,         ///< options alone name files
};

struct FileProgram {
  std::string_view programs;
  Operands operands;
};

constexpr FileProgram kPrograms[] = {
    {"cat head tail less more nl tac rev wc sort uniq cut strings xxd hexdump od base64 base32 "
     "file "
     "diff cmp comm source . bat zcat md5sum sha256sum sha1sum paste fold expand open view",
     Operands::read},
    {"tee touch truncate nano vim vi emacs mkfifo", Operands::write},
    {"cp rsync scp install", Operands::copy},
    {"mv", Operands::move},
    {"ln", Operands::link},
    {"grep egrep fgrep rg awk gawk mawk jq yq sed perl", Operands::after_first},
    {"chmod chown chgrp setfacl chattr", Operands::mode_first},
    {"rm unlink shred rmdir", Operands::remove},
    {"curl wget dd tar", Operands::none},
};

const FileProgram* find_program(std::string_view program) {
  for (const FileProgram& row : kPrograms) {
    if (is_one_of(program, row.programs)) return &row;
  }
  return nullptr;
}

class Collector {
 public:
  explicit Collector(const Invocation& command)
      : command_(command),
        tree_(command.program() == "mv" || command.has("-r -R -a --recursive --archive")) {}

  void word(const ShellWord& word, bool write) { add(word.text, write, word.glob); }

  void add(std::string_view text, bool write, bool glob = false) {
    // The rest of a path whose beginning is unknown could lie anywhere.
    if (text.empty() || text == "-" || text.front() == kUnknownPart) return;
    uses.push_back({.path = normal_path(text, command_.cwd(), command_.context().home),
                    .write = write,
                    .glob = glob,
                    .tree = tree_});
  }

  std::vector<FileUse> uses;

 private:
  const Invocation& command_;
  bool tree_;
};

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// `cp a b` writes b, or b/a if b is a directory: both are named, since nothing is looked up here.
void add_copy(const Invocation& command, Operands kind, Collector& out) {
  std::vector<const ShellWord*> sources = command.operands();
  std::string into(command.value("-t --target-directory"));
  if (into.empty()) {
    if (sources.size() < 2) return;
    into = sources.back()->text;
    sources.pop_back();
  }
  out.add(into, true);
  for (const ShellWord* source : sources) {
    if (kind != Operands::link) out.word(*source, false);
    if (kind == Operands::move) out.word(*source, true);
    const std::string_view name = file_name(source->text);
    if (!name.empty() && !source->unknown) out.add(into + "/" + std::string(name), true);
  }
}

void add_operands(const Invocation& command, std::size_t from, bool write, Collector& out) {
  for (std::size_t i = from; i < command.operands().size(); ++i) {
    out.word(*command.operands()[i], write);
  }
}

// sed and perl have no pattern operand if -e or -f gave it; -i writes.
void add_after_first(const Invocation& command, Collector& out) {
  const bool given = command.has("-e --regexp --expression -f --file --from-file") ||
                     (command.program() == "perl" && command.has("-e -pe -ne -i"));
  const bool edits = (command.program() == "sed" && command.has("-i --in-place")) ||
                     (command.program() == "perl" && command.has("-i"));
  bool attached = false;  // "-i.bak"
  for (const ShellWord* word : command.words()) {
    attached = attached || word->text.starts_with("-i") || word->text.starts_with("--in-place");
  }
  const bool writes = edits || (attached && (command.program() == "sed"));
  const std::size_t from = given ? 0 : 1;
  add_operands(command, from, false, out);
  if (writes) add_operands(command, from, true, out);
}

void add_options(const Invocation& command, Collector& out) {
  const std::string& program = command.program();
  if (program == "dd") {
    for (const ShellWord* word : command.operands()) {
      const std::string_view text = word->text;
      if (text.starts_with("if=")) out.add(text.substr(3), false);
      if (text.starts_with("of=")) out.add(text.substr(3), true);
    }
  } else if (program == "curl") {
    out.add(command.value("-o --output"), true);
    out.add(command.value("-T --upload-file"), false);
    for (std::string_view data : command.values("-d --data --data-binary -F --form")) {
      const std::size_t at = data.find('@');
      if (at != std::string_view::npos) out.add(data.substr(at + 1), false);
    }
  } else if (program == "wget") {
    out.add(command.value("-O --output-document"), true);
    out.add(command.value("--post-file"), false);
  } else if (program == "tar" && command.has("-c --create")) {
    add_operands(command, 0, false, out);
  } else if (program == "sort") {
    out.add(command.value("-o --output"), true);
  }
}

void add_arguments(const Invocation& command, Collector& out) {
  const FileProgram* program = find_program(command.program());
  if (program == nullptr) return;
  switch (program->operands) {
    case Operands::read:
      add_operands(command, 0, false, out);
      break;
    case Operands::write:
    case Operands::remove:
      add_operands(command, 0, true, out);
      break;
    case Operands::copy:
    case Operands::move:
    case Operands::link:
      add_copy(command, program->operands, out);
      break;
    case Operands::after_first:
      add_after_first(command, out);
      break;
    case Operands::mode_first:
      add_operands(command, command.has("--reference") ? 0 : 1, true, out);
      break;
    case Operands::none:
      break;
  }
  add_options(command, out);
}

}  // namespace

bool names_files(std::string_view program) { return find_program(program) != nullptr; }

std::string_view written_by() {
  return "tee touch truncate nano vim vi emacs mkfifo cp rsync scp install mv ln sed perl chmod "
         "chown chgrp setfacl chattr rm unlink shred rmdir curl wget dd sort";
}

std::vector<FileUse> files_of(const Invocation& command) {
  Collector out(command);
  for (const Redirection& redirection : command.command().redirections) {
    const bool write =
        redirection.kind == RedirectionKind::write || redirection.kind == RedirectionKind::append;
    if (write || redirection.kind == RedirectionKind::read) out.word(redirection.target, write);
  }
  add_arguments(command, out);
  return std::move(out.uses);
}

}  // namespace berm
