# cmake -DOUT=<header> -DDIR=<folder of *.txt> -P embed_bundles.cmake: the files as string views, in the order of their names.
file(GLOB files ${DIR}/*.txt)
list(SORT files)
set(entries "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(APPEND entries "    {\"${name}\", R\"bundle(${text})bundle\"},\n")
endforeach()
file(WRITE "${OUT}" "// Made by cmake/embed_bundles.cmake from src/policy/bundles/*.txt.
#pragma once

#include <string_view>

namespace berm {

struct BundleFile {
  std::string_view name;
  std::string_view text;
};

inline constexpr BundleFile kBundleFiles[] = {
${entries}};

}  // namespace berm
")
