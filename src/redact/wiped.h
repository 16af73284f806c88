// src/redact/wiped.h: memory that is zeroed before it is given back.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.h"

namespace berm {

/// Zeroes what it frees, and lies where secrets lie (base/secret.h). A vector that grows leaves its
/// old copy behind; this wipes that one too.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>& /*other*/) noexcept {}  // NOLINT: a rebind converts
  T* allocate(std::size_t count) {
    return reinterpret_cast<T*>(secret_memory.load()->allocate(count * sizeof(T)));
  }
  void deallocate(T* at, std::size_t count) noexcept {
    ::explicit_bzero(at, count * sizeof(T));
    secret_memory.load()->release(reinterpret_cast<char*>(at), count * sizeof(T));
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

/// A vector and not a string: a short string would live, unwiped, inside its object.
template <class T>
using Wiped = std::vector<T, WipingAllocator<T>>;

/// Bytes that come at the end and go at the beginning. Not a Wiped<char>: that copies one by one.
class WipedBuffer {
 public:
  WipedBuffer() = default;
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  WipedBuffer(WipedBuffer&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  WipedBuffer& operator=(WipedBuffer&&) = delete;
  ~WipedBuffer() { wipe(); }

  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (size_ + bytes.size() > capacity_) grow(2 * size_ + bytes.size());
    std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void drop_front(std::size_t count) {
    if (count == 0) return;
    size_ -= count;
    std::memmove(bytes_.get(), bytes_.get() + count, size_);
  }
  void clear() { size_ = 0; }

  [[nodiscard]] std::string_view view() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void grow(std::size_t capacity) {
    std::unique_ptr<char[]> bytes(new char[capacity]);  // not make_unique: that would zero it
    if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    wipe();
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  void wipe() {
    if (bytes_) ::explicit_bzero(bytes_.get(), capacity_);
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace berm
