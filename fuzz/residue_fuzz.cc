// fuzz/residue_fuzz.cc: a text that was cleaned shows no login, and cleaning it again changes
// nothing; a URL without a login is no credential. The first line is a setting's name, the rest its
// value.
#include <cstdlib>

#include "host/residue/classes.h"
#include "host/residue/git_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace residue = berm::residue;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string cleaned = residue::without_logins(text);
  if (residue::has_url_login(cleaned)) std::abort();
  if (residue::without_logins(cleaned) != cleaned) std::abort();
  const std::size_t end = std::min(text.find('\n'), text.size());
  const residue::GitEntry entry{std::string(text.substr(0, end)), std::string(text.substr(end))};
  const residue::SettingRemedy remedy = residue::remedy_of(entry);
  if (remedy == residue::SettingRemedy::clean_url && !residue::has_url_login(entry.value)) {
    std::abort();
  }
  (void)residue::credentials_include(entry);
  (void)residue::holds_claude_account(text);
  (void)residue::holds_docker_login(text);
  (void)residue::holds_password_entry(text);
  (void)residue::holds_url_login(text);
  return 0;
}
