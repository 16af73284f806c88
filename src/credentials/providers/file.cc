// file:/abs/path: a file that only its owner can read. The last component must be no link: somebody
// else could point it at what he may not read himself.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "credentials/provider.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::size_t kLongest = 64 << 10;

tl::unexpected<Error> refused(const std::string& path, std::string_view why, std::string fix) {
  return failure(Errc::denied, fmt::format("read the key in '{}': {}", printable(path), why),
                 std::move(fix));
}

Result<Secret> read(const MintContext&, const CredentialSource&, const SourceAddress& address) {
  const std::string& path = address.parts[0];
  // Not blocking: a fifo would wait for its writer.
  const UniqueFd fd = BERM_TRY(open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return os_error(fmt::format("look at '{}'", printable(path)));
  if (!S_ISREG(status.st_mode)) return refused(path, "it is not a plain file", "name a file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return refused(path, fmt::format("it belongs to user {}", status.st_uid),
                   "make it your own: whoever owns it can change it");
  }
  if ((status.st_mode & 07077) != 0) {
    return refused(path, fmt::format("others may use it too (mode {:04o})", status.st_mode & 07777),
                   fmt::format("chmod 600 {}", printable(path)));
  }
  std::string text = BERM_TRY(read_all(fd.get(), kLongest));
  Secret whole(std::move(text));
  std::string_view line = whole.reveal();
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return refused(path, "it is empty", "write the key into it");
  return Secret::filled(line.size(),
                        [&](std::span<char> bytes) { line.copy(bytes.data(), bytes.size()); });
}

}  // namespace

const Provider kFile = {.scheme = SourceScheme::file, .read = read};

}  // namespace berm
