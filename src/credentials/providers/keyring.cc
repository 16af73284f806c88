// keyring:ATTRIBUTE=VALUE …: the desktop's Secret Service, through its own program. D-Bus inside of
// berm would be a parser and a socket more, for one question.
#include "credentials/program.h"
#include "credentials/provider.h"

namespace berm {
namespace {

Result<Secret> read(const MintContext&, const CredentialSource&, const SourceAddress& address) {
  std::vector<std::string> argv = {"secret-tool", "lookup"};
  for (const std::string& pair : address.parts) {
    const std::size_t equals = pair.find('=');
    argv.push_back(pair.substr(0, equals));
    argv.push_back(pair.substr(equals + 1));
  }
  return first_line_of(argv,
                       {"HOME", "USER", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"},
                       "install secret-tool (Debian: libsecret-tools), or use command: or file:");
}

}  // namespace

const Provider kKeyring = {.scheme = SourceScheme::keyring, .read = read};

}  // namespace berm
