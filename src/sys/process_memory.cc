#include "sys/process_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::size_t kMostArguments = 256;
constexpr std::size_t kFirstPart = 256;  // of each argument, in the call that reads all of them

std::uint64_t to_page_end(std::uint64_t at) { return kPage - at % kPage; }

iovec remote(std::uint64_t at, std::size_t size) { return {reinterpret_cast<void*>(at), size}; }

// One stretch after the other, as process_vm_readv(2): how much there was.
ssize_t read_stretches(int memory, char* to, std::span<const iovec> from) {
  ssize_t all = 0;
  for (const iovec& stretch : from) {
    const auto at = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(stretch.iov_base));
    const ssize_t got = stretch.iov_len == 0 ? 0 : ::pread(memory, to, stretch.iov_len, at);
    all += std::max<ssize_t>(got, 0);
    if (got != static_cast<ssize_t>(stretch.iov_len)) break;
    to += got;
  }
  if (all == 0) errno = EFAULT;
  return all == 0 ? -1 : all;
}

// Docker's profile (20.10) keeps process_vm_readv(2) for CAP_SYS_PTRACE, and leaves proc(5), for
// which the kernel asks the same of the reader.
ssize_t gather(pid_t pid, std::span<const iovec> local, std::span<const iovec> from) {
  const ssize_t got =
      ::process_vm_readv(pid, local.data(), local.size(), from.data(), from.size(), 0);
  if (got >= 0 || (errno != EPERM && errno != ENOSYS)) return got;
  const UniqueFd memory(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory) {
    errno = EPERM;
    return -1;
  }
  std::size_t size = 0;
  for (const iovec& part : local) size += part.iov_len;
  std::vector<char> bytes(size);
  const ssize_t read = read_stretches(memory.get(), bytes.data(), from);
  auto left = static_cast<std::size_t>(std::max<ssize_t>(read, 0));
  const char* next = bytes.data();
  for (const iovec& part : local) {
    const std::size_t here = std::min(part.iov_len, left);
    if (here > 0) std::memcpy(part.iov_base, next, here);
    next += here;
    left -= here;
  }
  return read;
}

// Appends the string that goes on at `at` to `out`, page by page: the next page may not be there,
// and need not be.
int read_rest(pid_t pid, std::uint64_t at, std::size_t most, std::string& out, bool& cut) {
  std::array<char, kPage> part;
  while (most > 0) {
    const std::size_t size = std::min<std::size_t>(to_page_end(at), most);
    if (!read_memory(pid, at, part.data(), size)) return errno;
    const auto* end = static_cast<const char*>(std::memchr(part.data(), '\0', size));
    out.append(part.data(), end == nullptr ? size : static_cast<std::size_t>(end - part.data()));
    if (end != nullptr) return 0;
    at += size;
    most -= size;
  }
  cut = true;
  return 0;
}

struct Pointers {
  std::array<std::uint64_t, kMostArguments + 1> at{};
  std::size_t count = 0;
  bool ended = false;  ///< the vector's null was found
};

// The first part of the path and the vector of pointers.
int read_heads(pid_t pid, std::uint64_t path, std::uint64_t argv, std::size_t most,
               ProgramCall& out, Pointers& pointers) {
  std::array<char, kFirstPart> text;
  const std::size_t path_size = std::min<std::size_t>(to_page_end(path), text.size());
  const std::size_t vector_size = argv == 0 ? 0 : (most + 1) * sizeof(std::uint64_t);
  const std::size_t first = std::min<std::size_t>(to_page_end(argv), vector_size);
  const iovec local[2] = {{text.data(), path_size}, {pointers.at.data(), vector_size}};
  const iovec from[3] = {remote(path, path_size), remote(argv, first),
                         remote(argv + first, vector_size - first)};
  const ssize_t got = gather(pid, local, from);
  if (got < static_cast<ssize_t>(path_size)) return got < 0 ? errno : EFAULT;
  const auto read = (static_cast<std::size_t>(got) - path_size) / sizeof(std::uint64_t);
  while (pointers.count < std::min(read, most) && pointers.at[pointers.count] != 0) {
    ++pointers.count;
  }
  pointers.ended = argv == 0 || (pointers.count < read &&
                                 pointers.at[pointers.count] == 0);  // NULL: no argument
  if (!pointers.ended && read < most + 1) return EFAULT;
  const auto* end = static_cast<const char*>(std::memchr(text.data(), '\0', path_size));
  out.path.assign(text.data(),
                  end == nullptr ? path_size : static_cast<std::size_t>(end - text.data()));
  if (end != nullptr) return 0;
  bool cut = false;
  const int error = read_rest(pid, path + path_size, PATH_MAX - path_size, out.path, cut);
  return error == 0 && cut ? ENAMETOOLONG : error;
}

int read_arguments(pid_t pid, const Pointers& pointers, std::size_t most, ProgramCall& out) {
  std::array<char, kMostArguments * kFirstPart> text;
  std::array<iovec, kMostArguments> from;
  std::size_t all = 0;
  for (std::size_t i = 0; i < pointers.count; ++i) {
    from[i] =
        remote(pointers.at[i], std::min<std::size_t>(to_page_end(pointers.at[i]), kFirstPart));
    all += from[i].iov_len;
  }
  const iovec local{text.data(), all};
  const ssize_t got = gather(pid, {&local, 1}, {from.data(), pointers.count});
  if (got != static_cast<ssize_t>(all)) return got < 0 ? errno : EFAULT;
  const char* part = text.data();
  for (std::size_t i = 0; i < pointers.count; part += from[i].iov_len, ++i) {
    std::string& argument = out.argv.emplace_back();
    const std::size_t room = std::min(most, from[i].iov_len);
    const auto* end = static_cast<const char*>(std::memchr(part, '\0', room));
    argument.assign(part, end == nullptr ? room : static_cast<std::size_t>(end - part));
    if (end == nullptr) {
      const int error = read_rest(pid, pointers.at[i] + room, most - room, argument, out.last_cut);
      if (error != 0) return error;
    }
    most -= std::min(most, argument.size() + 1);
    if (out.last_cut || most == 0) {
      out.whole = out.whole && !out.last_cut && i + 1 == pointers.count;
      return 0;
    }
  }
  return 0;
}

}  // namespace

bool read_memory(pid_t pid, std::uint64_t from, void* to, std::size_t size) {
  const iovec local{to, size};
  const iovec there = remote(from, size);
  const ssize_t got = gather(pid, {&local, 1}, {&there, 1});
  if (got >= 0 && got != static_cast<ssize_t>(size)) errno = EFAULT;
  return got == static_cast<ssize_t>(size);
}

int read_program_call(pid_t pid, std::uint64_t path, std::uint64_t argv,
                      const ProgramCallLimits& limits, ProgramCall& out) {
  Pointers pointers;
  const std::size_t most = std::min(limits.arguments, kMostArguments);
  if (const int error = read_heads(pid, path, argv, most, out, pointers); error != 0) return error;
  out.whole = pointers.ended;
  return pointers.count == 0 ? 0 : read_arguments(pid, pointers, limits.bytes, out);
}

}  // namespace berm
