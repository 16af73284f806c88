# The seccomp filters, compiled by libseccomp while building.
add_executable(generate-seccomp src/tiers/namespace/seccomp/generate.cc)
target_link_libraries(generate-seccomp PRIVATE seccomp)
set(BERM_GENERATED ${CMAKE_BINARY_DIR}/generated)
add_custom_command(
  OUTPUT ${BERM_GENERATED}/tiers/namespace/seccomp/filters.h
  COMMAND ${CMAKE_COMMAND} -E make_directory ${BERM_GENERATED}/tiers/namespace/seccomp
  COMMAND generate-seccomp > ${BERM_GENERATED}/tiers/namespace/seccomp/filters.h
  DEPENDS generate-seccomp
  VERBATIM)
add_custom_target(seccomp-filters DEPENDS ${BERM_GENERATED}/tiers/namespace/seccomp/filters.h)

# PID 1 of every sandbox: static, libc only, no exceptions, no run-time type information.
add_executable(berm-init
  src/init/main.cc src/init/program.cc src/init/control.cc src/init/identity.cc src/init/mounts.cc
  src/init/network.cc src/init/terminal.cc src/init/confine.cc src/init/self_check.cc src/init/reap.cc
  src/init/janitor.cc src/init/hook.cc src/init/shared.cc src/init/contained.cc
  src/init/vmm.cc src/init/machine_wire.cc src/init/guest_boot.cc src/init/guest.cc
  src/init/guest_engine.cc src/init/guest_identity.cc src/init/guest_network.cc
  src/drill/acts/run.cc src/drill/acts/files.cc src/drill/acts/left_behind.cc src/drill/acts/processes.cc
  src/drill/acts/kernel.cc src/drill/acts/privileges.cc src/drill/acts/network.cc
  src/drill/acts/credentials.cc src/drill/acts/resources.cc src/drill/acts/terminal.cc)
target_compile_options(berm-init PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics -Os
                       -fno-sanitize=all -ffunction-sections)
target_link_options(berm-init PRIVATE -static -fno-sanitize=all -Wl,--gc-sections -s)

# The same without notification of execve(2): what bench/exec compares with. Never installed.
get_target_property(BERM_INIT_SOURCES berm-init SOURCES)
add_executable(berm-init-without-execs EXCLUDE_FROM_ALL ${BERM_INIT_SOURCES})
target_compile_definitions(berm-init-without-execs PRIVATE BERM_BENCH_WITHOUT_EXECS)
target_compile_options(berm-init-without-execs PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics -Os
                       -fno-sanitize=all -ffunction-sections)
target_link_options(berm-init-without-execs PRIVATE -static -fno-sanitize=all -Wl,--gc-sections -s)

# The bundles of hosts, which a policy names as "@node": data that is reviewed as text and built in.
file(GLOB BERM_BUNDLES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/policy/bundles/*.txt)
add_custom_command(
  OUTPUT ${BERM_GENERATED}/policy/bundle_files.h
  COMMAND ${CMAKE_COMMAND} -DOUT=${BERM_GENERATED}/policy/bundle_files.h -DDIR=${CMAKE_SOURCE_DIR}/src/policy/bundles
          -P ${CMAKE_SOURCE_DIR}/cmake/embed_bundles.cmake
  DEPENDS ${BERM_BUNDLES} ${CMAKE_SOURCE_DIR}/cmake/embed_bundles.cmake
  VERBATIM)
add_custom_target(bundle-files DEPENDS ${BERM_GENERATED}/policy/bundle_files.h)

# The schema of a record's lines, which "berm log --schema" prints.
add_custom_command(
  OUTPUT ${BERM_GENERATED}/record/schema.h
  COMMAND ${CMAKE_COMMAND} -DOUT=${BERM_GENERATED}/record/schema.h -DFILE=${CMAKE_SOURCE_DIR}/docs/record.schema.json -DNAME=kRecordSchema
          -P ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
  DEPENDS ${CMAKE_SOURCE_DIR}/docs/record.schema.json ${CMAKE_SOURCE_DIR}/cmake/embed_text.cmake
  VERBATIM)
add_custom_target(record-schema-text DEPENDS ${BERM_GENERATED}/record/schema.h)

# The page that shows a run: HTML, CSS and JavaScript that are reviewed as such and built in. The scripts in this order.
set(BERM_PAGE ${CMAKE_SOURCE_DIR}/src/report/html)
set(BERM_PAGE_SCRIPTS dom.js format.js virtual_list.js timeline.js events.js tree.js overview.js sections.js main.js)
list(TRANSFORM BERM_PAGE_SCRIPTS PREPEND ${BERM_PAGE}/)
add_custom_command(
  OUTPUT ${BERM_GENERATED}/report/html_assets.h
  COMMAND ${CMAKE_COMMAND} -DOUT=${BERM_GENERATED}/report/html_assets.h -DDIR=${BERM_PAGE} "-DSCRIPTS=${BERM_PAGE_SCRIPTS}"
          -P ${CMAKE_SOURCE_DIR}/cmake/embed_report.cmake
  DEPENDS ${BERM_PAGE}/page.html ${BERM_PAGE}/report.css ${BERM_PAGE_SCRIPTS} ${CMAKE_SOURCE_DIR}/cmake/embed_report.cmake
  VERBATIM)
add_custom_target(report-page DEPENDS ${BERM_GENERATED}/report/html_assets.h)
