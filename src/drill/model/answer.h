// src/drill/model/answer.h: from a request of the client and the script to the model's answer.
#pragma once

#include <string_view>
#include <vector>

#include "drill/model/malformed.h"

namespace berm::drill {

/// What a request says, as far as the script needs it. Hostile input: nothing is assumed.
struct Asked {
  bool known = false;  ///< an inference request with a shell among its tools
  bool stream = false;
  std::string model;
  std::string shell;     ///< the client's name of its shell tool
  std::size_t turn = 0;  ///< answers that the client has carried out so far
  std::string results;   ///< every tool result in it, joined
};
[[nodiscard]] Asked read_request(Api api, std::string_view body);

/// The answer with its HTTP head. Stateless: the turn is counted in the request, so that retries
/// and side requests disturb nothing. Behind the last step it says that it is done.
[[nodiscard]] Raw answer(Api api, const Asked& asked, const std::vector<Step>& steps,
                         unsigned number);

/// An HTTP/1.1 answer that closes the connection.
[[nodiscard]] std::string http_answer(int status, std::string_view type, std::string_view body);

/// One server-sent event.
[[nodiscard]] std::string sse(std::string_view event, const nlohmann::json& data);

}  // namespace berm::drill
