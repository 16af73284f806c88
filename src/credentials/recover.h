// src/credentials/recover.h: ends what an earlier run left alive. In the broker's process.
#pragma once

#include <string>
#include <vector>

#include "credentials/outcome.h"
#include "net/https_client.h"

namespace berm {

/// Ends what the journals in `directory` name whose keeper is gone: revokes it by authenticating
/// anew, or says how long it lives. Journals of keepers that run, and those that another berm is
/// recovering, are left alone. A journal goes when nothing in it can live any more.
[[nodiscard]] std::vector<RecoveredLease> recover_in(const std::string& directory,
                                                     HttpsClient& https);

}  // namespace berm
