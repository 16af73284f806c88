#include "credentials/keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "base/text.h"
#include "credentials/age.h"

namespace berm {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestMargin{300};
constexpr seconds kGrace{60};  // requests that carry a replaced credential may be on their way
constexpr seconds kFirstBackoff{5};
constexpr seconds kLongestBackoff{60};

bool is_issued(const CredentialSource& source) {
  const Result<SourceAddress> address = parse_source(source.from);
  return address && !is_static(address->scheme);
}

const Provider& provider_of(const CredentialSource& source) {
  return berm::provider_of(parse_source(source.from)->scheme);
}

std::optional<WallTime> due_of(const Lease& lease, const CredentialSource& source) {
  if (!is_issued(source) || !lease.report.expires) return std::nullopt;
  return renewal_time(wall_now(), *lease.report.expires);
}

}  // namespace

WallTime renewal_time(WallTime minted, WallTime expires) {
  const seconds life = std::max(seconds(0), expires - minted);
  return expires - std::min(kLongestMargin, std::max(seconds(1), life / 4));
}

Keeper::Keeper(HttpsClient& https, std::string run, std::map<std::string, Secret> descriptors,
               std::unique_ptr<Journal> journal)
    : https_(https),
      run_(std::move(run)),
      descriptors_(std::move(descriptors)),
      journal_(std::move(journal)) {}

MintContext Keeper::context(const std::string& id) {
  return {.https = https_,
          .run = run_,
          .descriptors = descriptors_,
          .record = [this, id](const LeaseHandle& handle) -> Result<void> {
            return journal_ ? journal_->set_handle(id, handle) : Result<void>{};
          }};
}

// The journal says "minting" before, "live" after: whatever instant this process dies, it says at
// least as much as there is.
Result<Lease> Keeper::mint_recorded(const CredentialSource& source, const std::string& id) {
  if (!is_issued(source)) return mint(context(id), source);
  LeaseRecord record{.id = id, .source = source, .since = wall_now()};
  const seconds longest = provider_of(source).longest_life;
  if (longest.count() > 0) record.expires = record.since + longest;
  BERM_TRY(journal_->put({record}));
  Result<Lease> lease = mint(context(id), source);
  if (!lease) {
    BERM_TRY(journal_->remove(id));
    return lease;
  }
  record.live = true;
  record.handle = lease->handle;
  record.expires = lease->report.expires;
  const Result<void> recorded = journal_->put({record});
  if (recorded) return lease;
  // Not recorded is not minted.
  if (provider_of(source).revoke != nullptr) {
    (void)provider_of(source).revoke(context(id), source, *lease);
  }
  return tl::unexpected(recorded.error());
}

std::optional<FailedMint> Keeper::mint_all(std::vector<CredentialSource> sources) {
  std::vector<std::optional<Result<Lease>>> minted(sources.size());
  std::vector<std::thread> threads;
  const auto id_of = [&](std::size_t i) { return sources[i].name + "#1"; };
  for (std::size_t i = 0; i < sources.size(); ++i) {
    threads.emplace_back([&, i] { minted[i].emplace(mint_recorded(sources[i], id_of(i))); });
  }
  for (std::thread& thread : threads) thread.join();
  FailedMint failed;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Result<Lease>& lease = *minted[i];
    if (!lease) {
      failed.refused.push_back({.name = sources[i].name, .error = lease.error()});
      continue;
    }
    auto kept = std::make_unique<Kept>();
    kept->id = id_of(i);
    kept->source = std::move(sources[i]);
    kept->due = due_of(*lease, kept->source);
    kept->lease = *std::move(lease);
    kept_.push_back(std::move(kept));
  }
  if (failed.refused.empty()) return std::nullopt;
  for (const Lease* lease : leases()) failed.minted.push_back(lease->report);
  failed.ended = revoke_all(true);
  for (const RevokeOutcome& outcome : failed.ended) {
    if (outcome.end == LeaseEnd::revoked) continue;
    failed.refused.back().error.context.push_back(
        fmt::format("'{}' had been minted by then and lives until {}", outcome.name,
                    outcome.until ? to_text(*outcome.until) : "its issuer ends it"));
  }
  return failed;
}

std::vector<const Lease*> Keeper::leases() const {
  std::vector<const Lease*> out;
  for (const auto& kept : kept_) out.push_back(&kept->lease);
  return out;
}

std::optional<WallTime> Keeper::next_due() const {
  std::optional<WallTime> next;
  for (const auto* list : {&kept_, &replaced_}) {
    for (const auto& kept : *list) {
      if (kept->due && (!next || *kept->due < *next)) next = kept->due;
    }
  }
  return next;
}

// A new credential in the place of `kept`, which is ended a little later.
Result<void> Keeper::replace(Kept& kept) {
  const int generation = kept.generation + 1;
  const std::string id = fmt::format("{}#{}", kept.source.name, generation);
  Lease fresh = BERM_TRY(mint_recorded(kept.source, id));
  auto old = std::make_unique<Kept>();
  old->source = kept.source;
  old->lease = std::move(kept.lease);
  old->id = kept.id;
  old->due = wall_now() + kGrace;
  // What dies by itself leaves the journal when it is dead.
  if (provider_of(kept.source).revoke == nullptr) old->due = old->lease.report.expires;
  replaced_.push_back(std::move(old));
  kept.lease = std::move(fresh);
  kept.id = id;
  kept.generation = generation;
  return {};
}

// True if its value is another one now.
Result<bool> Keeper::renew(Kept& kept) {
  const Provider& provider = provider_of(kept.source);
  if (kept.lease.renewable && provider.renew != nullptr) {
    const std::optional<WallTime> before = kept.lease.report.expires;
    const Result<void> renewed = provider.renew(context(kept.id), kept.source, kept.lease);
    // A lease near its maximum is prolonged by nothing: then, as after a failure, a new one.
    if (renewed && kept.lease.report.expires && *kept.lease.report.expires > *before) {
      BERM_TRY(journal_->put({LeaseRecord{.id = kept.id,
                                          .live = true,
                                          .source = kept.source,
                                          .handle = kept.lease.handle,
                                          .since = *kept.lease.report.minted,
                                          .expires = kept.lease.report.expires}}));
      return false;
    }
  }
  BERM_TRY(replace(kept));
  return true;
}

void Keeper::renew_due(const std::function<void(const Renewal&)>& tell) {
  const WallTime now = wall_now();
  for (const auto& kept : kept_) {
    if (!kept->due || *kept->due > now) continue;
    const Result<bool> renewed = renew(*kept);
    if (renewed) {
      kept->due = due_of(kept->lease, kept->source);
      kept->backoff = seconds(0);
      kept->told = false;
      tell({.lease = &kept->lease, .is_new_value = *renewed, .error = {}});
      continue;
    }
    kept->backoff = std::clamp(kept->backoff * 2, kFirstBackoff, kLongestBackoff);
    kept->due = wall_now() + kept->backoff;
    // Once: it may work the next time, and the value is good until it expires.
    if (!std::exchange(kept->told, true)) {
      tell({.lease = &kept->lease, .is_new_value = false, .error = renewed.error()});
    }
  }
  end_replaced();
}

void Keeper::end_replaced() {
  const WallTime now = wall_now();
  std::erase_if(replaced_, [&](const std::unique_ptr<Kept>& kept) {
    if (!kept->due || *kept->due > now) return false;
    const RevokeOutcome outcome = end(*kept, false);
    const bool is_dead = kept->lease.report.expires && *kept->lease.report.expires <= now;
    if (is_dead && journal_) (void)journal_->remove(kept->id);
    kept->due = kept->lease.report.expires;  // a failure: once more when it is dead anyway
    return is_dead || outcome.end == LeaseEnd::revoked;
  });
}

RevokeOutcome Keeper::end(Kept& kept, bool and_forget) {
  RevokeOutcome outcome{.name = kept.source.name, .until = kept.lease.report.expires};
  const Provider& provider = provider_of(kept.source);
  if (!kept.lease.report.revocable || provider.revoke == nullptr) {
    outcome.end = LeaseEnd::lives;
    outcome.why = is_static(parse_source(kept.source.from)->scheme) ? "it existed before the run"
                                                                    : "its issuer revokes nothing";
    if (!kept.lease.report.note.empty() && !outcome.until) outcome.why = kept.lease.report.note;
    if (and_forget && journal_) (void)journal_->remove(kept.id);
    return outcome;
  }
  const Result<void> revoked = provider.revoke(context(kept.id), kept.source, kept.lease);
  if (!revoked) {
    outcome.why = sentence(revoked.error());
    return outcome;
  }
  outcome.end = LeaseEnd::revoked;
  outcome.until.reset();
  if (journal_) (void)journal_->remove(kept.id);
  return outcome;
}

std::vector<RevokeOutcome> Keeper::revoke_all(bool and_forget) {
  std::vector<std::unique_ptr<Kept>*> all;
  for (auto* list : {&kept_, &replaced_}) {
    for (auto& kept : *list) all.push_back(&kept);
  }
  // At once: a slow issuer must not keep the others' credentials alive.
  std::vector<RevokeOutcome> outcomes(all.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, i] { outcomes[i] = end(**all[i], and_forget); });
  }
  for (std::thread& thread : threads) thread.join();
  // What failed stays, so that it can be tried again.
  std::size_t at = 0;
  for (auto* list : {&kept_, &replaced_}) {
    std::erase_if(*list, [&](const auto&) { return outcomes[at++].end != LeaseEnd::failed; });
  }
  if (journal_ && kept_.empty() && replaced_.empty()) journal_->close();
  return outcomes;
}

Result<void> Keeper::disable_key(const std::string& name, const std::string& key_id) {
  for (const auto& kept : kept_) {
    if (kept->source.name != name) continue;
    if (!kept->source.with.contains("admin")) {
      return failure(Errc::usage,
                     fmt::format("disable the key of '{}': with.admin is missing", printable(name)),
                     "name an Admin API key's source in with.admin");
    }
    std::string id = key_id;
    if (id.empty()) {
      const KeyAge key =
          BERM_TRY(find_anthropic_key(context(kept->id), kept->source, kept->lease.value));
      id = key.key_id;
    }
    return disable_anthropic_key(context(kept->id), kept->source, id);
  }
  return failure(Errc::usage, fmt::format("find a credential '{}'", printable(name)));
}

}  // namespace berm
