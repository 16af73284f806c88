// src/audit/ship/shipper.h: one sink: from the record on the disk to the receiver's word for it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

#include "audit/ship/configuration.h"
#include "audit/ship/progress_file.h"
#include "audit/ship/receiver.h"
#include "record/export.h"

namespace berm {

/// Reads, filters, batches, sends, and tries again: run() in a thread of its own, everything else
/// from any.
class Shipper {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param record   open for reading; outlives this
  /// @param changed  called when the report has changed
  Shipper(SinkGrant grant, std::string run, int record, ProgressFile progress,
          std::unique_ptr<Receiver> receiver, std::function<void()> changed);

  /// Everything again, whatever was acknowledged. Before run().
  void start_from_zero();
  void run();

  void flush();   ///< nothing waits for company
  void finish();  ///< the record is complete: run() returns when all of it is there
  void stop();    ///< run() returns
  void renew(const std::string& key, Secret secret);
  [[nodiscard]] SinkReport report() const;
  [[nodiscard]] std::uint64_t bytes_behind() const;  ///< of the record, by now
  [[nodiscard]] bool is_done() const { return done_; }

 private:
  struct Sent {
    Clock::time_point at;
    RecordPlace place;
  };
  void fill();
  [[nodiscard]] bool is_due() const;
  void send();
  void on_accepted(const SinkStep& step);
  void on_refused(const SinkBatch& batch, std::size_t index, const std::string& why);
  void on_failure(const SinkStep& step);
  void on_too_large(const SinkStep& step);
  void settle(bool now);
  void acknowledge(const RecordPlace& place);
  void apply_renewals();
  void drop_batch();
  [[nodiscard]] bool wait(Milliseconds time);
  void pause(Milliseconds time);

  SinkGrant grant_;
  int record_;
  EventFormat format_;
  RecordReader reader_;
  ProgressFile progress_;
  std::unique_ptr<Receiver> receiver_;
  std::function<void()> changed_;

  SinkBatch batch_;
  std::vector<RecordPlace> places_;  ///< behind each event of the batch
  std::size_t bytes_ = 0;            ///< of the batch
  bool full_ = false;                ///< it ends here
  std::size_t most_events_;          ///< of a batch
  std::size_t most_bytes_;
  std::size_t limit_;           ///< events of a batch, by now
  Clock::time_point first_at_;  ///< when the batch got its first event
  std::deque<Sent> sent_;       ///< taken, but the connection must live on
  SinkProgressState state_;
  int failures_ = 0;
  std::string refused_why_;
  std::uint64_t flushed_ = 0;  ///< of flushes_: nothing of theirs waits any more

  mutable std::mutex mutex_;  ///< of all below
  std::condition_variable wakeup_;
  SinkReport report_;
  RecordPlace acknowledged_;
  std::map<std::string, Secret> renewals_;
  std::atomic<std::uint64_t> flushes_ = 0;  ///< asked for
  std::atomic<bool> finish_ = false;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> done_ = false;
};

/// True if a filter lets `type` through: no pattern, one that matches ('*' is anything), or what
/// signs, without which nothing that a sink holds could be verified.
[[nodiscard]] bool passes(const std::vector<std::string>& filter, std::string_view type);

/// Full jitter: anything up to 250 ms doubled for each failure, at most 30 s.
/// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
[[nodiscard]] Milliseconds backoff(int failures, std::uint32_t random);

}  // namespace berm
