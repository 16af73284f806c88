// src/drill/acts/calls.h: what most acts are made of: one call, and its errno.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berm::drill {

/// What the drill made as a target, by its variable; "" if it made none.
inline const char* target(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}
inline int number(const char* name) { return ::atoi(target(name)); }

/// A file of that name where everybody may write: $TMPDIR, which the process tier moves, or /tmp.
inline const char* scratch(const char* name) {
  static char path[512];
  const char* directory = ::getenv("TMPDIR");
  ::snprintf(path, sizeof path, "%s/%s", directory != nullptr ? directory : "/tmp", name);
  return path;
}

inline int done(long result) { return result >= 0 ? 0 : errno; }

inline int see(const char* path) {
  struct stat status {};
  return done(::lstat(path, &status));
}
inline int open_for(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}
inline int create(const char* path) {
  const int error = open_for(path, O_WRONLY | O_CREAT);
  if (error == 0) ::unlink(path);
  return error;
}

}  // namespace berm::drill
