#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lint/check.h"
#include "lint/expression.h"
#include "lint/print.h"

namespace berm::lint {
namespace {

const Node* root(const Tree& tree) { return tree.documents.empty() ? nullptr : tree.documents[0]; }

TEST(LintYaml, EveryNodeKnowsWhereItStands) {
  const Source source("a", "a: b\nlist:\n  - 'x y'\n  - {k: \"v\"}\n");
  const Tree tree = read_yaml(source.text());
  EXPECT_EQ(source.slice(get(root(tree), "a")->span), "b");
  const std::vector<const Node*> items = items_of(get(root(tree), "list"));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(source.slice(items[0]->span), "'x y'");
  EXPECT_EQ(source.slice(items[1]->span), "{k: \"v\"}");
  EXPECT_EQ(source.place_of(get(items[1], "k")->span.begin), (Place{4, 9}));
  EXPECT_EQ(source.slice(entry_of(root(tree), "list")->key->span), "list");
}

TEST(LintYaml, PlacesCountCharactersAndBytesAreCut) {
  const Source source("a", "\xEF\xBB\xBFk\xC3\xB6: 'gr\xC3\xBC\xC3\x9F'\nnext: 1\r\n");
  const Tree tree = read_yaml(source.text());
  EXPECT_TRUE(tree.troubles.empty());
  const Node* value = get(root(tree), "k\xC3\xB6");
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(source.slice(value->span), "'gr\xC3\xBC\xC3\x9F'");
  EXPECT_EQ(source.slice(get(root(tree), "next")->span), "1");
  EXPECT_EQ(source.line(2), "next: 1");
  EXPECT_EQ(source.place_of(value->span.begin), (Place{1, 6}));
}

TEST(LintYaml, MergesAndAliasesAreFollowedButNotInCircles) {
  const Tree tree = read_yaml(
      "base: &b {x: 1, y: 2}\nmore: &m\n  <<: *b\n  y: 3\nall: {<<: [*m, *b], z: *b}\n"
      "loop: &l\n  <<: *l\n  self: *l\n");
  const Node* all = get(root(tree), "all");
  EXPECT_EQ(text_of(get(all, "x")), "1");
  EXPECT_EQ(text_of(get(all, "y")), "3");
  EXPECT_EQ(entries_of(all).size(), 3U);
  EXPECT_EQ(text_of(get(all, {"z", "y"})), "2");
  const Node* loop = get(root(tree), "loop");
  EXPECT_EQ(get(loop, "nothing"), nullptr);
  EXPECT_EQ(entries_of(loop).size(), 1U);
  EXPECT_TRUE(is_mapping(get(loop, {"self", "self", "self"})));
}

TEST(LintYaml, WhatIsHostileIsATroubleAndNothingElse) {
  EXPECT_TRUE(read_yaml(std::string(100'000, '[')).troubles.back().fatal);
  EXPECT_TRUE(read_yaml("a: [1, 2\nb: }").troubles.back().fatal);
  EXPECT_TRUE(read_yaml("a: *nobody").troubles.back().fatal);
  EXPECT_TRUE(read_yaml("\ta: 1").troubles.back().fatal);
  EXPECT_FALSE(read_yaml("a: \xFF\xFE \x01\n").troubles.back().fatal);
  EXPECT_FALSE(read_yaml("").troubles.size());
  const Tree twice = read_yaml("a: 1\nb: 2\na: 3\n");
  ASSERT_EQ(twice.troubles.size(), 1U);
  EXPECT_EQ(twice.troubles[0].span, (Span{10, 11}));
  // A bomb of aliases stays as small as it was written.
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'z'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [*" + static_cast<char>(c - 1) + ", *" +
            static_cast<char>(c - 1) + ", *" + static_cast<char>(c - 1) + "]\n";
  }
  EXPECT_LT(read_yaml(bomb).nodes.size(), 300U);
}

TEST(LintYaml, JsonMayHaveCommentsTabsAndTrailingCommas) {
  const Source source("a.json",
                      "{\n\t// one\n\t\"a\": \"x // y\", /* two\n */ \"b\": [1, 2,],\n}\n");
  const Tree tree = read_json(source.text());
  EXPECT_TRUE(tree.troubles.empty());
  EXPECT_EQ(text_of(get(root(tree), "a")), "x // y");
  EXPECT_EQ(items_of(get(root(tree), "b")).size(), 2U);
  EXPECT_EQ(source.slice(get(root(tree), "a")->span), "\"x // y\"");
}

TEST(LintYaml, APartOfAScalarIsFoundInTheFile) {
  const Source source("a",
                      "run: |\n    one\n      two three\n    four\nfold: >-\n  five\n  six\n"
                      "plain: seven eight\nquoted: 'it''s nine'\n");
  const Tree tree = read_yaml(source.text());
  const auto part = [&](const char* key, std::string_view word) {
    const Node& node = *get(root(tree), key);
    return std::string(source.slice(span_in(source, node, node.value.find(word), word.size())));
  };
  EXPECT_EQ(part("run", "two three"), "two three");
  EXPECT_EQ(part("run", "four"), "four");
  EXPECT_EQ(part("fold", "six"), "six");
  EXPECT_EQ(part("plain", "eight"), "eight");
  const Node& run = *get(root(tree), "run");
  EXPECT_EQ(source.place_of(span_in(source, run, run.value.find("four"), 4).begin), (Place{4, 5}));
}

TEST(LintExpression, IsReadAsGitHubReadsIt) {
  const auto contexts = [](std::string_view text) {
    std::string out;
    const std::optional<Expression> read = parse_expression(text);
    if (!read) return std::string("no expression");
    for (const ContextPath& one : contexts_in(*read)) out += (out.empty() ? "" : " ") + one.path;
    return out;
  };
  EXPECT_EQ(contexts("github.event.issue.title"), "github.event.issue.title");
  EXPECT_EQ(contexts("GitHub['event'].issue['Title']"), "github.event.issue.title");
  EXPECT_EQ(contexts("github.event.commits.*.message"), "github.event.commits.*.message");
  EXPECT_EQ(contexts("github.event.commits[0].message"), "github.event.commits.0.message");
  EXPECT_EQ(contexts("env[matrix.name]"), "env.* matrix.name");
  EXPECT_EQ(contexts("format('{0} it''s', github.head_ref) != '' && !cancelled() || a.b >= 1.5e3"),
            "github.head_ref a.b");
  EXPECT_EQ(contexts("contains(fromJSON('[1]'), (x))"), "x");
  EXPECT_EQ(contexts("true == false || null"), "");
  for (const char* bad :
       {"", "a.", "a[", "a b", "(a", "'a", "f(a,", "&& a", "a ==", "a..b", "$", "1 +"}) {
    EXPECT_EQ(contexts(bad), "no expression") << bad;
  }
  EXPECT_EQ(contexts(std::string(10'000, '(')), "no expression");
  EXPECT_EQ(contexts(std::string(10'000, '!') + "a"), "no expression");
}

TEST(LintExpression, IsFoundInATextWithItsPlace) {
  const std::string text = "a ${{ x.y }} b ${{ '}}' }} ${{ broken( }} ${{ open";
  const std::vector<Embedded> found = expressions_in(text);
  ASSERT_EQ(found.size(), 4U);
  ASSERT_TRUE(found[0].expression);
  const ContextPath path = contexts_in(*found[0].expression).at(0);
  EXPECT_EQ(text.substr(path.span.begin, path.span.end - path.span.begin), "x.y");
  ASSERT_TRUE(found[1].expression);
  EXPECT_EQ(found[1].expression->text, "}}");
  EXPECT_FALSE(found[2].expression);
  EXPECT_FALSE(found[3].expression);
}

constexpr const char* kPod =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: c\n"
    "      image: claude@sha256:0\n      securityContext: {privileged: true}%s\n";

CheckResult check_text(const std::string& text, Model& model, Persona persona = Persona::regular) {
  add_file(model, "pod.yaml", text);
  complete(model);
  return check(model, {.persona = persona, .baseline = {}});
}

std::string pod(const std::string& behind) {
  std::string out = kPod;
  return out.replace(out.find("%s"), 2, behind);
}

std::size_t count(const CheckResult& result, std::string_view rule) {
  return static_cast<std::size_t>(
      std::ranges::count(result.findings, rule, [](const Finding& one) { return one.rule->id; }));
}

TEST(LintSuppression, CountsWithItsReasonAndWhereItStands) {
  Model plain;
  EXPECT_EQ(count(check_text(pod(""), plain), "k8s-privileged"), 1U);
  Model allowed;
  const CheckResult result = check_text(pod("  # berm: allow k8s-privileged -- a driver"), allowed);
  EXPECT_EQ(count(result, "k8s-privileged"), 0U);
  EXPECT_EQ(result.suppressed, 1U);
  Model without;
  const CheckResult bare = check_text(pod("  # berm: allow k8s-privileged"), without);
  EXPECT_EQ(count(bare, "k8s-privileged"), 1U);
  EXPECT_EQ(count(bare, "suppression-without-reason"), 1U);
  Model unused;
  const CheckResult other = check_text(pod("  # berm: allow k8s-host-path -- none"), unused);
  EXPECT_EQ(count(other, "suppression-unused"), 1U);
  Model unknown;
  EXPECT_EQ(count(check_text(pod("  # berm: allow nothing -- x"), unknown), "suppression-unused"),
            1U);
  Model above;
  std::string text = pod("");
  text.insert(text.find("      securityContext"),
              "      # berm: allow k8s-privileged -- a driver\n");
  EXPECT_EQ(count(check_text(text, above), "k8s-privileged"), 0U);
}

TEST(LintFix, MendsWhatItSaysAndKeepsTheRest) {
  Model model;
  const CheckResult result = check_text(pod("  # why"), model);
  std::size_t applied = 0;
  const std::string text = fixed(*model.files[0].source, result.findings, true, applied);
  EXPECT_NE(text.find("privileged: false"), std::string::npos);
  EXPECT_NE(text.find("# why"), std::string::npos);
  EXPECT_GT(applied, 0U);
  std::size_t none = 0;
  EXPECT_EQ(fixed(*model.files[0].source, result.findings, false, none), pod("  # why"));
  EXPECT_EQ(none, 0U);
  Model again;
  EXPECT_EQ(count(check_text(text, again), "k8s-privileged"), 0U);
}

TEST(LintFinding, StaysTheSameWhereLinesMove) {
  Model here;
  Model moved;
  const CheckResult first = check_text(pod(""), here);
  const CheckResult second = check_text("# a comment\n\n" + pod(""), moved);
  EXPECT_EQ(first.fingerprints, second.fingerprints);
  Model known;
  add_file(known, "pod.yaml", pod(""));
  complete(known);
  const CheckResult none =
      check(known, {.persona = Persona::regular,
                    .baseline = {first.fingerprints.begin(), first.fingerprints.end()}});
  EXPECT_TRUE(none.findings.empty());
  EXPECT_EQ(none.known, first.findings.size());
}

TEST(LintText, NothingOfAFileReachesATerminalAsItIs) {
  Model model;
  const std::string text =
      to_text(check_text("apiVersion: v1\nkind: Pod\nmetadata: {name: \"\\e[31mx\"}\nspec:\n"
                         "  hostPID: true # \x1b]0;t\x07\n  containers: []\n",
                         model),
              false);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("hostPID"), std::string::npos);
}

TEST(LintRules, EachIsWhole) {
  std::set<std::string_view> ids;
  for (const Rule* rule : all_rules()) {
    EXPECT_TRUE(ids.insert(rule->id).second) << rule->id;
    for (const std::string_view text : {rule->title, rule->why, rule->bad, rule->good, rule->fix}) {
      EXPECT_FALSE(text.empty()) << rule->id;
    }
    EXPECT_EQ(rule_named(rule->id), rule);
  }
}

}  // namespace
}  // namespace berm::lint
