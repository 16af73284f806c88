#include "cli/record_html.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "report/html.h"
#include "sys/fd.h"

namespace berm {

int show_html(std::string_view record, std::string_view expected_head, std::string_view diffs,
              const std::string& file) {
  if (file == "-") {
    put(html_report(record, expected_head, diffs));
    return kDone;
  }
  // By rename, so neither a link is followed nor half a page left behind; but a rename would also
  // put a file in the place of a link, a pipe or a device.
  struct stat status {};
  if (::lstat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return fail(Error{
        .code = Errc::denied,
        .what = fmt::format("write the report to '{}': it is no regular file", printable(file)),
        .fix = "name another file, or '-' for stdout"});
  }
  const Result<void> written = replace_file(file, html_report(record, expected_head, diffs), 0644);
  if (!written) return fail(written.error());
  put(fmt::format("report written to {}\n", printable(file)));
  return kDone;
}

}  // namespace berm
