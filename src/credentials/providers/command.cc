// command:PROGRAM ARG…: what a program of the user's own prints ("op read …", "gh auth token").
#include "credentials/program.h"
#include "credentials/provider.h"

namespace berm {
namespace {

Result<Secret> read(const MintContext&, const CredentialSource& source,
                    const SourceAddress& address) {
  std::vector<std::string> variables = {"HOME",
                                        "USER",
                                        "LOGNAME",
                                        "LANG",
                                        "XDG_CONFIG_HOME",
                                        "XDG_DATA_HOME",
                                        "XDG_RUNTIME_DIR",
                                        "DBUS_SESSION_BUS_ADDRESS"};
  for (const std::string& name : list_of(option(source.with, "env"))) variables.push_back(name);
  return first_line_of(address.parts, variables, "install it, or name it by its absolute path");
}

}  // namespace

const Provider kCommand = {.scheme = SourceScheme::command, .read = read};

}  // namespace berm
