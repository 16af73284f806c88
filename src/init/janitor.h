// src/init/janitor.h: what is left to do when berm itself was killed.
#pragma once

namespace berm::init {

/// Waits until descriptor 0, a pipe whose other end only berm holds, ends; then kills what is in
/// the control groups `directories` and removes them. A namespace dies with its PID 1; a control
/// group does not, and SIGKILL leaves nobody else to remove it. After a normal end there is nothing
/// to do.
int clean_up_after(int count, char** directories);

}  // namespace berm::init
