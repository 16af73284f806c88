# cmake -DOUT=<header> -DFILE=<text> -DNAME=<constant> -P embed_text.cmake: a file as a string view.
file(READ "${FILE}" text)
file(WRITE "${OUT}" "// Made by cmake/embed_text.cmake.
#pragma once

#include <string_view>

namespace berm {

inline constexpr std::string_view ${NAME} = R\"embedded(${text})embedded\";

}  // namespace berm
")
