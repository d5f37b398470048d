#include "errors.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "sql/doubt.hpp"

namespace sqlq::mysql {
namespace {

/// Whether the server's text is free of values: texts of what is not listed may quote rows, literals or the statement.
bool may_be_shown(unsigned number) noexcept {
  constexpr std::array<unsigned, 47> known{
      1020, 1021, 1040, 1041, 1044, 1045, 1047, 1048, 1049, 1053, 1054, 1104, 1114, 1129, 1130, 1142, 1143, 1146, 1153,
      1180, 1203, 1205, 1206, 1213, 1226, 1227, 1251, 1264, 1290, 1317, 1364, 1370, 1406, 1665, 1698, 1792, 1820, 1836,
      1862, 1927, 1969, 3024, 3118, 3159, 3819, 4025, 4151};
  return std::ranges::binary_search(known, number) || (number >= 2000 && number < 3000);
}

std::string_view own_text(unsigned number) noexcept {
  switch (number) {
    case 1062: return "a row with the same key is there already";
    case 1064: return "the server does not understand the statement";
    case 1292:
    case 1300:
    case 1366: return "the server refused a value as wrong for its column";
    case 1644: return "a trigger raised an error";
    case 3157:
    case 4038: return "a text of JSON is nested too deep for the server";
    default: return "the server reported an error whose text may contain values";
  }
}

std::string_view advice(Errc code, unsigned number) noexcept {
  switch (code) {
    case Errc::schema: return "the database lacks sqlq's tables or has others: call migrate(), or run `sqlq schema up`";
    case Errc::retry_transaction: return "run the transaction again";
    case Errc::busy:
      if (number == 1040 || number == 1203 || number == 1226) {
        return "the server has no connection to spare: raise its limits or lower the URL option 'pool'";
      }
      if (number == 1021 || number == 1114) return "free space on the server's disk, then try again";
      if (number == 3024 || number == 1969) return "it took longer than statement_timeout: narrow it down or raise it";
      return "try again later";
    case Errc::connection: return sql::next_call_connects;
    case Errc::wrong_node: return "this server takes no writes now: name one that does in the URL, or all of them";
    case Errc::outcome_unknown: return sql::may_be_done;
    case Errc::corrupt: return "stop using the table and restore it from a backup";
    case Errc::refused:
      if (number == 1153) return "make the payload smaller or raise the server's max_allowed_packet";
      return "a type, constraint, trigger or index refuses the value: change the value or the database";
    case Errc::permission:
      if (number == 1045 || number == 1698 || number == 1130) return "check user, password and host in the URL";
      if (number == 1820 || number == 1862) return "set a new password for this user";
      if (number == 3118 || number == 4151) return "unlock this user's account";
      return "grant this user what share/doc/sqlq/docs/backends.md lists for a producer, worker or operator, or for "
             "the owner who calls migrate()";
    case Errc::configuration:
      if (number == 1049) return "create the database, or correct its name in the URL";
      if (number == 1104) return "run SET SESSION sql_big_selects = 1 on the connection";
      if (number == 1290) return "raise the server's max_session_mem_used";
      if (number == 1665) return "set the server's binlog_format to ROW";
      if (number == 2061) {
        return "the client's authentication plugin failed: connect before main returns, for its libraries end then; if "
               "it always fails, give the user another plugin";
      }
      if (number == 2026) return "check the URL options tls, ca, cert and key against the server's certificate";
      if (number == 3159) return "set the URL option tls=require";
      return "this client cannot prove who it is in the way that the server asks for: give the user another plugin";
    default: return {};
  }
}

/// Was the connection lost amid the handshake of TLS? All else there is about certificates, files and settings.
bool is_cut(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 9> signs{"reset",      "roken pipe", "imed out",   "unexpected eof", "syscall",
                                                  "SYSCALL",    "closed",     "timeout",    "Success"};
  return std::ranges::any_of(signs, [&](std::string_view sign) { return text.find(sign) != std::string_view::npos; });
}

/// What differs on a connection that somebody has lent us.
struct Lent {
  Errc code = Errc::internal;
  std::string_view advice{};
};
std::optional<Lent> lent(Errc code, unsigned number) noexcept {
  if (number == 1792) return Lent{Errc::misuse, "your transaction is READ ONLY: begin it with READ WRITE"};
  if (number == 2014) {
    return Lent{Errc::misuse, "a result of yours is not read to its end: read it or free it (mysql_free_result) first"};
  }
  if (code == Errc::schema) {
    return Lent{code, "your connection leads to another server than the Database does, or sqlq's tables are not there: "
                      "borrow a connection to the same server, call migrate(), or run `sqlq schema up`"};
  }
  if (code == Errc::connection) {
    return Lent{code, "your connection is lost and your transaction undone: connect and run it from its beginning"};
  }
  if (code == Errc::wrong_node) {
    return Lent{code, "your connection leads to a server that takes no writes now: connect to one that does"};
  }
  return {};
}

}  // namespace

Errc classify(unsigned number, std::string_view text) noexcept {
  switch (number) {
    case 1020:  // snapshot isolation: changed since the last read
    case 1205:  // lock wait; undoes the statement only
    case 1213:  // deadlock; on Galera and group replication also: lost the certification, at COMMIT
    case 1613:
    case 1614:
    case 3101:
    case 3572: return Errc::retry_transaction;
    case 1180: return Errc::outcome_unknown;  // at COMMIT; on Galera: the node lost the others while it asked them
    case 1047:  // a Galera node that is not ready
    case 1792:
    case 1836:
    case 3100: return Errc::wrong_node;
    case 1290:  // an option prevents it: the server is read-only, or bounds the memory of a session
      return text.find("mem-used") == std::string_view::npos ? Errc::wrong_node : Errc::configuration;
    case 1021:
    case 1037:
    case 1038:
    case 1040:
    case 1041:
    case 1114:
    case 1135:
    case 1203:
    case 1206:
    case 1226:
    case 1317:
    case 1969:
    case 3024: return Errc::busy;
    case 1030: return text.find("error 28") != std::string_view::npos ? Errc::busy : Errc::internal;
    case 1034:
    case 1194:
    case 1195:
    case 1712: return Errc::corrupt;
    case 1048:
    case 1054:
    case 1146:
    case 1364: return Errc::schema;
    case 1044:
    case 1045:
    case 1130:
    case 1142:
    case 1143:
    case 1227:
    case 1370:
    case 1698:
    case 1820:  // the password has expired
    case 1862:
    case 3118:  // the account is locked
    case 4151: return Errc::permission;
    case 1049:
    case 1104:  // max_join_size of somebody else's connection; ours have none
    case 1251:
    case 1665:
    case 2059:  // no such way to authenticate
    case 2061:
    case 3159: return Errc::configuration;  // the server demands TLS
    case 1022:
    case 1062:
    case 1118:
    case 1153:
    case 1169:
    case 1216:
    case 1217:
    case 1264:
    case 1292:
    case 1300:
    case 1301:
    case 1365:
    case 1366:
    case 1406:
    case 1451:
    case 1452:
    case 1586:
    case 1644:  // SIGNAL
    case 1690:
    case 3157:
    case 3819:
    case 4025:
    case 4038: return Errc::refused;
    case 1043:
    case 1053:
    case 1080:
    case 1129:
    case 1152:
    case 1158:
    case 1159:
    case 1160:
    case 1161:
    case 1184:
    case 1927:
    case 3169:
    case 4031: return Errc::connection;
    case 2000: return Errc::internal;
    case 2008: return Errc::busy;  // out of memory
    case 2014: return Errc::internal;
    case 2026: return is_cut(text) ? Errc::connection : Errc::configuration;  // TLS
    default: return number > 2000 && number < 3000 ? Errc::connection : Errc::internal;
  }
}

std::string_view product_of(MYSQL* connection) noexcept {
  if (connection->server_version == nullptr) return "MySQL/MariaDB";
  return mariadb_connection(connection) != 0 ? "MariaDB" : "MySQL";
}

void raise_connect(unsigned number, std::string_view text, const std::string& place) {
  const Errc code = classify(number, text);
  // Of a TCP connection that nobody accepts the client library tells a number that says nothing: EINPROGRESS.
  const bool mute = (number == 2002 || number == 2003) && text.ends_with("(115)");
  std::string message = "MySQL/MariaDB: cannot connect to " + place + ": ";
  message += mute ? "nobody answers there" : std::string(may_be_shown(number) ? text : own_text(number));
  message += " (error " + std::to_string(number) + "); ";
  message += code == Errc::connection ? sql::look_for_the_server : advice(code, number);
  throw Error(code, message, "mysql", static_cast<int>(number));
}

void raise(MYSQL* connection, const std::string& statement, Whose whose) {
  raise(mysql_errno(connection), mysql_error(connection), statement, whose, product_of(connection));
}

void raise(unsigned number, std::string_view text, const std::string& statement, Whose whose,
           std::string_view product) {
  Errc code = classify(number, text);
  std::string_view what_to_do = advice(code, number);
  if (const auto other = whose == Whose::lent ? lent(code, number) : std::nullopt) {
    code = other->code;
    what_to_do = other->advice;
  }
  std::string message = std::string(product) + ": " + std::string(may_be_shown(number) ? text : own_text(number)) +
                        " (error " + std::to_string(number) + ")";
  if (!statement.empty()) message += " in statement '" + statement + "'";
  if (!what_to_do.empty()) message += "; " + std::string(what_to_do);
  throw Error(code, message, "mysql", static_cast<int>(number), statement);
}

}  // namespace sqlq::mysql
