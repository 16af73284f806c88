#include "audit/ship/receiver.h"

namespace berm {

Result<std::unique_ptr<Receiver>> make_receiver(ReceiverSettings settings) {
  const std::string context = "opening sink '" + settings.grant.name + "'";
  switch (settings.grant.type) {
    case SinkType::file:
    case SinkType::fd:
      return in_context(context, make_file_receiver(std::move(settings)));
    case SinkType::syslog:
      return in_context(context, make_syslog_receiver(std::move(settings)));
    default:
      return in_context(context, make_http_receiver(std::move(settings)));
  }
}

}  // namespace berm
