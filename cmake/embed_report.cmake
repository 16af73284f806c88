# cmake -DOUT=<header> -DDIR=<folder> -DSCRIPTS=<files> -P embed_report.cmake: the page, its style and its script (all
# files as one function) as string views. A compiler need take no literal beyond 64 KiB ([implimits]): parts are joined.
function(literal out text)
  string(LENGTH "${text}" length)
  set(parts "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 part)
    string(APPEND parts "    R\"embedded(${part})embedded\"\n")
    math(EXPR at "${at} + 8000")
  endwhile()
  set(${out} "${parts}" PARENT_SCOPE)
endfunction()

file(READ ${DIR}/page.html page)
file(READ ${DIR}/report.css style)
set(script "\n\"use strict\";\n(() => {\n")
foreach(file IN LISTS SCRIPTS)
  file(READ "${file}" text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();\n")
literal(page "${page}")
literal(style "${style}")
literal(script "${script}")
file(WRITE "${OUT}" "// Made by cmake/embed_report.cmake from src/report/html.
#pragma once

#include <string_view>

namespace berm::html {

inline constexpr std::string_view kPage =
${page};
inline constexpr std::string_view kStyle =
${style};
inline constexpr std::string_view kScript =
${script};

}  // namespace berm::html
")
