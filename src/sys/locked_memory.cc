#include "sys/locked_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "base/secret.h"
#include "base/units.h"

namespace berm {
namespace {

std::atomic<std::size_t> unlocked_bytes{0};

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::size_t rounded_up(std::size_t size) {
  const std::size_t page = page_size();
  return (size + page - 1) / page * page;
}

// [guard][pages][guard]; the bytes end where the second guard begins.
char* allocate(std::size_t size) {
  const std::size_t page = page_size();
  const std::size_t inner = rounded_up(size);
  void* const all =
      ::mmap(nullptr, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  // As operator new where nobody catches: without memory there is no way on.
  if (all == MAP_FAILED) std::abort();
  char* const pages = static_cast<char*>(all) + page;
  if (::mprotect(pages, inner, PROT_READ | PROT_WRITE) != 0) std::abort();
  // Before the first write: nothing of the value may be in a page that can be swapped.
  if (::mlock(pages, inner) != 0) unlocked_bytes += inner;
  ::madvise(pages, inner, MADV_DONTDUMP);
  ::madvise(pages, inner, MADV_WIPEONFORK);
  return pages + (inner - size);
}

void release(char* bytes, std::size_t size) noexcept {
  const std::size_t page = page_size();
  const auto first = reinterpret_cast<std::uintptr_t>(bytes) / page * page;
  ::munmap(reinterpret_cast<void*>(first - page), rounded_up(size) + 2 * page);
}

constexpr SecretMemory kLockedMemory = {allocate, release};

}  // namespace

void lock_secrets() { secret_memory = &kLockedMemory; }

std::string locked_memory_note() {
  const std::size_t bytes = unlocked_bytes;
  if (bytes == 0) return "";
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  return fmt::format(
      "cannot lock {} of credentials in memory (RLIMIT_MEMLOCK is {}), continuing without: they "
      "may reach the swap (raise the limit with ulimit -l, or turn swap off)",
      to_text(Bytes{bytes}), to_text(Bytes{limit.rlim_cur}));
}

void forbid_dumps() {
  rlimit none{};
  if (::getrlimit(RLIMIT_CORE, &none) == 0) {
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_CORE, &none);
  }
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace berm
