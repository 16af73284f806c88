#include <nlohmann/json.hpp>

#include "record/story.h"

namespace berm {
namespace {

using nlohmann::json;

json processes_json(const std::vector<StoryProcess>& processes) {
  json out = json::array();
  for (const StoryProcess& process : processes) {
    json one = {{"pid", process.pid},
                {"ppid", process.parent},
                {"event", process.event},
                {"depth", process.depth},
                {"executable", process.executable},
                {"command", process.arguments},
                {"tie", name_of(process.tie)}};
    if (process.denied) one["denied"] = process.rule;
    out.push_back(std::move(one));
  }
  return out;
}

json hosts_json(const std::vector<StoryHost>& hosts) {
  json out = json::array();
  for (const StoryHost& host : hosts) {
    out.push_back({{"host", host.name},
                   {"outcome", host.outcome},
                   {"times", host.times},
                   {"about", host.about}});
  }
  return out;
}

json call_json(const StoryCall& call) {
  json files = json::array();
  for (const StoryFile& file : call.files) {
    files.push_back({{"path", file.path}, {"kind", file.kind}, {"mentioned", file.mentioned}});
  }
  json out = {{"tool_use_id", call.id},
              {"tool", call.tool},
              {"summary", call.summary},
              {"decision", call.decision},
              {"rule", call.rule},
              {"reason", call.reason},
              {"end", name_of(call.end)},
              {"error", call.error},
              {"subagent", call.subagent},
              {"background", call.background},
              {"no_process", call.no_process},
              {"asked_inside", call.asked_inside},
              {"processes", processes_json(call.processes)},
              {"hosts", hosts_json(call.hosts)},
              {"files", std::move(files)}};
  if (call.duration_ms) out["duration_ms"] = *call.duration_ms;
  return out;
}

}  // namespace

json story_to_json(const Story& story) {
  json prompts = json::array();
  for (const StoryPrompt& prompt : story.prompts) {
    json calls = json::array();
    for (const StoryCall& call : prompt.calls) calls.push_back(call_json(call));
    json one = {{"id", prompt.id}, {"sha256", prompt.sha256}, {"calls", std::move(calls)}};
    if (!prompt.text.empty()) one["text"] = prompt.text;
    prompts.push_back(std::move(one));
  }
  return {{"hooked", story.hooked},
          {"watched", story.watched},
          {"prompts", std::move(prompts)},
          {"own",
           {{"processes", processes_json(story.own)},
            {"hooks", story.hooks},
            {"hosts", hosts_json(story.own_hosts)}}},
          {"outside", processes_json(story.outside)}};
}

}  // namespace berm
