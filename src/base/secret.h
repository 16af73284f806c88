// src/base/secret.h: a credential is not a string.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace berm {

/// Where the bytes of secrets live. base/ makes no system call, so main hands in memory that is
/// locked (sys/locked_memory.h); a program that does not, and a test, has the heap.
struct SecretMemory {
  char* (*allocate)(std::size_t size);  ///< never nullptr; `size` is not 0
  void (*release)(char* bytes, std::size_t size) noexcept;
};
inline constexpr SecretMemory kHeapForSecrets = {
    [](std::size_t size) { return new char[size]; },
    [](char* bytes, std::size_t) noexcept { delete[] bytes; }};

/// For every Secret that is made from now on. The one hook of the process, set before threads
/// start.
inline std::atomic<const SecretMemory*> secret_memory{&kHeapForSecrets};

/// A credential. Not copyable, not comparable, prints as "<secret>"; wiped when dropped.
/// reveal() is the only way out, so `grep -rn 'reveal('` lists every use.
class Secret {
 public:
  Secret() noexcept = default;  ///< empty
  /// Takes over `text` and wipes it where it was.
  explicit Secret(std::string&& text)
      : Secret(filled(text.size(), [&](std::span<char> bytes) {
          std::memcpy(bytes.data(), text.data(), bytes.size());
        })) {
    ::explicit_bzero(text.data(), text.size());
    text.clear();
  }
  /// `size` bytes that `fill(std::span<char>)` writes where they stay: none is left elsewhere.
  template <class Fill>
  [[nodiscard]] static Secret filled(std::size_t size, Fill&& fill) {
    Secret made;
    if (size == 0) return made;
    made.memory_ = secret_memory.load();  // remembered: the hook may change before the release
    made.bytes_ = made.memory_->allocate(size);
    made.size_ = size;
    std::memset(made.bytes_, 0, size);
    fill(std::span<char>(made.bytes_, size));
    return made;
  }

  Secret(Secret&& other) noexcept { swap(other); }
  Secret& operator=(Secret&& other) noexcept {
    Secret taken(std::move(other));  // what we held is wiped now, not when `other` goes
    swap(taken);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() {
    if (bytes_ == nullptr) return;
    ::explicit_bzero(bytes_, size_);
    memory_->release(bytes_, size_);
  }

  [[nodiscard]] std::string_view reveal() const noexcept { return {bytes_, size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  void swap(Secret& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(memory_, other.memory_);
  }

  char* bytes_ = nullptr;
  std::size_t size_ = 0;
  const SecretMemory* memory_ = nullptr;
};

}  // namespace berm

template <>
struct fmt::formatter<berm::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const berm::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("<secret>", context);
  }
};
