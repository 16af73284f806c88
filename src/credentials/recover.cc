#include "credentials/recover.h"

#include <fmt/format.h>

#include "base/text.h"
#include "credentials/journal.h"
#include "credentials/provider.h"

namespace berm {
namespace {

// Ends one. @return nothing if it is dead by itself.
std::optional<RecoveredLease> recover_one(const LeaseRecord& record, HttpsClient& https,
                                          Journal& journal) {
  if (record.expires && *record.expires <= wall_now()) {
    (void)journal.remove(record.id);
    return std::nullopt;
  }
  RecoveredLease out{.run = "", .issuer = record.handle.issuer, .from = record.source.from};
  out.outcome = {.name = record.source.name, .until = record.expires};
  const Result<SourceAddress> address = parse_source(record.source.from);
  const Provider* provider = address ? &provider_of(address->scheme) : nullptr;
  const bool is_known = !record.handle.lease.empty() || !record.handle.session.empty();
  if (provider == nullptr || provider->revoke_lost == nullptr || !is_known) {
    out.outcome.end = LeaseEnd::lives;
    out.outcome.why = record.live ? "its value is lost, and only with it could it be revoked"
                                  : "its keeper died while it was asked for: it may exist";
    // Told once, if nobody knows when it dies; else until then.
    if (!record.expires) (void)journal.remove(record.id);
    return out;
  }
  const std::map<std::string, Secret> none;
  const MintContext context{
      .https = https, .run = "recovery", .descriptors = none, .record = [](const LeaseHandle&) {
        return Result<void>{};
      }};
  const Result<void> ended = provider->revoke_lost(context, record.source, record.handle);
  if (!ended) {
    out.outcome.why = sentence(ended.error());
    // Vault's default max_lease_ttl: an entry without an end must not be tried for ever.
    if (!record.expires && wall_now() - record.since > std::chrono::hours(768)) {
      (void)journal.remove(record.id);
    }
    return out;
  }
  out.outcome.end = LeaseEnd::revoked;
  out.outcome.until.reset();
  (void)journal.remove(record.id);
  return out;
}

}  // namespace

std::vector<RecoveredLease> recover_in(const std::string& directory, HttpsClient& https) {
  std::vector<RecoveredLease> out;
  for (const std::string& run : journals_in(directory)) {
    const Result<std::unique_ptr<Journal>> journal = Journal::take_over(directory, run);
    if (!journal) {
      RecoveredLease unread{.run = run};
      unread.outcome.why = sentence(journal.error());
      out.push_back(unread);
      continue;
    }
    if (*journal == nullptr) continue;  // in somebody's hands
    for (const LeaseRecord& record : (*journal)->records()) {
      std::optional<RecoveredLease> lease = recover_one(record, https, **journal);
      if (!lease) continue;
      lease->run = run;
      out.push_back(*std::move(lease));
    }
    (*journal)->close();
  }
  return out;
}

}  // namespace berm
