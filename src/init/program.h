// src/init/program.h: the program as berm-init reads it, every access checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "init/wire.h"

namespace berm::init {

/// The mapped program. Lives as long as the process.
class ProgramView {
 public:
  /// Maps descriptor `fd`. On any doubt valid() is false.
  explicit ProgramView(int fd);

  [[nodiscard]] bool valid() const { return base_ != nullptr; }
  [[nodiscard]] const wire::Program& header() const {
    return *reinterpret_cast<const wire::Program*>(base_);
  }
  /// NUL-terminated string at `offset`; "" if the offset is out of range.
  [[nodiscard]] const char* string(std::uint32_t offset) const;
  /// `size` bytes at `offset`; empty if out of range.
  [[nodiscard]] std::span<const char> bytes(std::uint32_t offset, std::uint64_t size) const;

  template <class T>
  [[nodiscard]] std::span<const T> slice(wire::Slice where) const {
    const std::uint64_t size = std::uint64_t{where.count} * sizeof(T);
    if (where.offset % alignof(T) != 0 || where.offset + size > size_) return {};
    return {reinterpret_cast<const T*>(base_ + where.offset), where.count};
  }

 private:
  const char* base_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace berm::init
