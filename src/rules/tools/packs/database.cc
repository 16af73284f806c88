// database: what empties or drops data that no commit holds.
#include <algorithm>

#include "base/text.h"
#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kLeave = "work on a copy, or leave it to the user";

// SQL in lower case without comments and the content of strings, blanks run together, so that
// words can be looked for. One statement an element.
std::vector<std::string> statements(std::string_view sql) {
  std::vector<std::string> out(1);
  for (std::size_t at = 0; at < sql.size(); ++at) {
    const char c = sql[at];
    if (c == '\'') {
      at = std::min(sql.find('\'', at + 1), sql.size());
      out.back() += "''";
    } else if (sql.substr(at, 2) == "--") {
      at = std::min(sql.find('\n', at), sql.size());
    } else if (sql.substr(at, 2) == "/*") {
      at = std::min(sql.find("*/", at + 2), sql.size() - 1) + 1;
    } else if (c == ';') {
      out.emplace_back();
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (!out.back().empty() && out.back().back() != ' ') out.back() += ' ';
    } else {
      out.back() += c;
    }
  }
  for (std::string& statement : out) statement = lower(statement);
  return out;
}

bool destroys_data(std::string_view sql) {
  return std::ranges::any_of(statements(sql), [](const std::string& statement) {
    if (statement.starts_with("drop ")) {
      const std::string_view what = std::string_view(statement).substr(5);
      return what.starts_with("table ") || what.starts_with("database ") ||
             what.starts_with("schema ") || what.starts_with("owned ") ||
             what.starts_with("user ") || what.starts_with("role ") ||
             what.starts_with("materialized view ") || what.starts_with("tablespace ");
    }
    if (statement.starts_with("truncate ")) return true;
    if (statement.starts_with("alter table ")) {
      return statement.find(" drop column ") != std::string::npos;
    }
    return statement.starts_with("delete from ") && statement.find(" where ") == std::string::npos;
  });
}

bool is_sql_client(std::string_view program) {
  return is_one_of(program, "psql mysql mariadb sqlite3 cockroach clickhouse-client sqlcmd duckdb");
}

// A database in memory, or a file of its own in /tmp, is nobody's data.
bool is_scratch(const Invocation& c) {
  if (!is_one_of(c.program(), "sqlite3 duckdb")) return false;
  const std::string_view file = c.operand(0);
  return file.empty() || file == ":memory:" || is_within(normal_path(file, c.cwd(), "/"), "/tmp");
}

bool sql_destroys(const Invocation& c) {
  if (is_scratch(c)) return false;
  for (const std::string_view sql : c.values("-c --command -e --execute -q --query -Q -cmd")) {
    if (destroys_data(sql)) return true;
  }
  const bool operands = is_one_of(c.program(), "sqlite3 duckdb");
  for (std::size_t i = 1; operands && i < c.operands().size(); ++i) {
    if (destroys_data(c.operands()[i]->text)) return true;
  }
  return std::ranges::any_of(c.command().redirections, [](const Redirection& redirection) {
    const bool text = redirection.kind == RedirectionKind::here_document ||
                      redirection.kind == RedirectionKind::here_string;
    return text && destroys_data(redirection.target.text);
  });
}

// `echo "DROP TABLE users" | psql`
const SimpleCommand* pipes_sql(const ScriptView& view) {
  for (const Invocation& client : view.commands) {
    if (!is_sql_client(client.program()) || client.command().stage == 0 || is_scratch(client)) {
      continue;
    }
    for (const Invocation& source : view.commands) {
      if (source.command().pipeline != client.command().pipeline ||
          !is_one_of(source.program(), "echo printf")) {
        continue;
      }
      for (const ShellWord* word : source.operands()) {
        if (destroys_data(word->text)) return &client.command();
      }
    }
  }
  return nullptr;
}

bool mongo_destroys(const Invocation& c) {
  const std::string_view code = c.value("--eval");
  constexpr std::string_view kCalls[] = {"dropDatabase(", ".drop(", "deleteMany({})", "remove({})"};
  return std::ranges::any_of(
      kCalls, [&](std::string_view call) { return code.find(call) != std::string_view::npos; });
}

bool redis_destroys(const Invocation& c) {
  return std::ranges::any_of(c.operands(), [](const ShellWord* word) {
    return is_one_of(lower(word->text), "flushall flushdb");
  });
}

bool drops_database(const Invocation& c) {
  if (is_one_of(c.program(), "mysqladmin mariadb-admin")) return c.verb("drop");
  if (c.program() == "pg_restore") return c.has("-c --clean");
  return !c.has("--help --version");
}

// The test database is made anew by every run of the tests.
bool is_test(const Invocation& c) {
  const auto& assignments = c.command().assignments;
  const bool by_environment = std::ranges::any_of(assignments, [](const Assignment& a) {
    return is_one_of(a.name, "RAILS_ENV NODE_ENV MIX_ENV APP_ENV DJANGO_ENV RACK_ENV") &&
           a.value.text == "test";
  });
  return by_environment || c.value("--env --environment") == "test";
}

bool migration_destroys(const Invocation& c) {
  if (is_test(c)) return false;
  const std::string& program = c.program();
  const std::string_view verb = c.operand(0);
  if (program == "prisma") {
    return c.verb("migrate reset") || (c.verb("db push") && c.has("--force-reset"));
  }
  if (is_one_of(program, "rails rake")) {
    return is_one_of(verb, "db:drop db:reset db:purge db:drop:all db:migrate:reset");
  }
  if (program == "alembic") return c.verb("downgrade base");
  if (is_one_of(program, "manage.py django-admin")) {
    return c.verb("flush") || c.verb("reset_db") || (c.verb("migrate") && c.operand(2) == "zero");
  }
  if (is_one_of(program, "sequelize sequelize-cli")) {
    return is_one_of(verb, "db:drop db:migrate:undo:all");
  }
  if (program == "artisan") {
    return is_one_of(verb, "migrate:fresh migrate:reset migrate:refresh db:wipe");
  }
  if (program == "knex") return c.verb("migrate:rollback") && c.has("--all");
  if (program == "typeorm") return verb == "schema:drop";
  if (program == "flyway")
    return std::ranges::any_of(c.operands(),
                               [](const ShellWord* word) { return word->text == "clean"; });
  if (program == "liquibase") return is_one_of(verb, "dropAll drop-all");
  return program == "mix" && is_one_of(verb, "ecto.drop ecto.reset");
}

constexpr CommandRule kCommands[] = {
    {"sql-destroy", "psql mysql mariadb sqlite3 cockroach clickhouse-client sqlcmd duckdb",
     sql_destroys, "it drops or empties data", kLeave},
    {"mongo-destroy", "mongosh mongo", mongo_destroys, "it drops or empties data", kLeave},
    {"redis-destroy", "redis-cli valkey-cli", redis_destroys, "it empties the store", kLeave},
    {"drop-database", "dropdb dropuser mysqladmin mariadb-admin pg_restore", drops_database,
     "it drops a database or what stands in it", kLeave},
    {"migration-destroy",
     "prisma rails rake alembic manage.py django-admin sequelize sequelize-cli artisan knex "
     "typeorm flyway liquibase mix",
     migration_destroys, "it drops the database and what stands in it",
     "use the test database, or leave it to the user"},
};

constexpr ScriptRule kScripts[] = {
    {"pipe-sql", pipes_sql, "it drops or empties data", kLeave},
};

}  // namespace

const Pack kDatabasePack = {
    "database", "What empties or drops data that no commit holds.", kCommands, {}, kScripts};

}  // namespace berm
