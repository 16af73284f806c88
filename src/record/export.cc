#include "record/export.h"

namespace berm {

std::string formatted(EventFormat, std::string_view line) { return std::string(line); }

}  // namespace berm
