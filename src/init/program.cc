#include "init/program.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cstring>

namespace berm::init {

ProgramView::ProgramView(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size < static_cast<off_t>(sizeof(wire::Program))) {
    return;
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) return;
  const auto* program = static_cast<const wire::Program*>(mapped);
  const char* bytes = static_cast<const char*>(mapped);
  // The last byte is NUL, so no string can run over the end of the mapping.
  const bool sound = program->magic == wire::kMagic && program->version == wire::kVersion &&
                     program->size == size && bytes[size - 1] == '\0';
  if (!sound) return;
  base_ = bytes;
  size_ = size;
}

const char* ProgramView::string(std::uint32_t offset) const {
  return offset < size_ ? base_ + offset : "";
}

std::span<const char> ProgramView::bytes(std::uint32_t offset, std::uint64_t size) const {
  if (offset > size_ || size > size_ - offset) return {};
  return {base_ + offset, static_cast<std::size_t>(size)};
}

}  // namespace berm::init
