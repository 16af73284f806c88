#include "remote/channel.h"

#include "base/text.h"
#include "cluster/port_forward.h"
#include "pod/line.h"
#include "tiers/kubernetes/run_objects.h"

namespace berm {

using nlohmann::json;

namespace {
constexpr std::chrono::seconds kPatience{20};
}

Result<PodChannel> PodChannel::create(ClusterClient& cluster, std::string name_space,
                                      std::string egress_pod, const LinkEnd& own) {
  SslContext context = BERM_TRY(link_client(own));
  return PodChannel(cluster, std::move(name_space), std::move(egress_pod), std::move(context));
}

Result<std::unique_ptr<ByteStream>> PodChannel::open(const json& call) {
  UniqueFd fd =
      BERM_TRY(forward_port(*cluster_, name_space_, egress_pod_, kubernetes::kEgressPort));
  auto stream = std::make_unique<TlsStream>(BERM_TRY(
      in_context("speaking to berm in the egress pod",
                 TlsStream::connect(context_.get(), std::move(fd), pod::kEgressName, kPatience))));
  BERM_TRY(pod::write_line(*stream, call));
  return stream;
}

Result<json> read_answer(ByteStream& stream) {
  json answer = BERM_TRY(pod::read_line(stream, kPatience));
  if (answer.contains("ok") && answer["ok"] == true) return answer;
  const std::string what = pod::text_in(answer, "what");
  const bool away = answer.contains("away");
  return tl::unexpected(Error{.code = away ? Errc::kernel : Errc::denied,
                              .what = printable(what.empty() ? "be understood by the pod" : what),
                              .os_errno = static_cast<int>(pod::number_in(answer, "errno")),
                              .fix = printable(pod::text_in(answer, "fix"))});
}

Result<json> PodChannel::ask(const json& call) {
  const std::unique_ptr<ByteStream> stream = BERM_TRY(open(call));
  return read_answer(*stream);
}

}  // namespace berm
