# The grammar of bash, which scripts/install-dependencies gets from npm (grammars/package.json): generated C, not ours to warn about.
set(BERM_GRAMMAR ${CMAKE_SOURCE_DIR}/cmake/grammars/node_modules/tree-sitter-bash/src)
if(NOT EXISTS ${BERM_GRAMMAR}/parser.c)
  message(FATAL_ERROR "the grammar of bash is missing: run scripts/install-dependencies")
endif()
add_library(tree-sitter-bash STATIC ${BERM_GRAMMAR}/parser.c ${BERM_GRAMMAR}/scanner.c)
target_compile_options(tree-sitter-bash PRIVATE -w)
target_include_directories(tree-sitter-bash PRIVATE ${BERM_GRAMMAR})
