#include "verify/report.hpp"

#include "common/table.hpp"

#include <algorithm>
#include <map>

namespace fvattn::verify {
namespace {

using host::number_text;

const std::vector<std::string> kErrors{"o", "lse", "d_q", "d_k", "d_v"};
const std::vector<std::string> kLaws{"constant v", "linear in v", "order of keys", "scale"};

struct Row {
  int ran = 0, refused = 0, failed = 0;
  std::map<std::string, Measured> worst;  // nearest to its limit, or farthest beyond
};

double load(const Measured& m) { return m.limit > 0 ? m.value / m.limit : m.value; }

void add(Row& row, const Finding& finding) {
  ++(finding.refused ? row.refused : row.ran);
  row.failed += finding.failed();
  for (const Measured& m : finding.measured) {
    const std::string what = m.what == "o again"                                            ? "o"
                             : std::find(kLaws.begin(), kLaws.end(), m.what) != kLaws.end() ? "laws"
                                                                                            : m.what;
    const auto [known, fresh] = row.worst.emplace(what, m);
    if (!fresh && !(load(known->second) >= load(m))) known->second = m;
  }
}

std::string error_text(const Row& row, const std::string& what) {
  const auto found = row.worst.find(what);
  return found == row.worst.end() ? "-" : number_text(found->second.value, 2) + (found->second.ok() ? "" : "!");
}

std::string verdict_text(const Row& row, const std::string& what) {
  const auto found = row.worst.find(what);
  return found == row.worst.end() ? "-" : found->second.ok() ? "ok" : "FAIL";
}

std::string what_failed(const Finding& finding) {
  std::string text;
  for (const Measured& m : finding.measured)
    if (!m.ok() && m.limit > 0)
      text += (text.empty() ? "" : "; ") + m.what + " " + number_text(m.value, 3) + ", at most " + number_text(m.limit, 2) +
              " is allowed";
  for (const std::string& failure : finding.failures) text += (text.empty() ? "" : "; ") + failure;
  return text;
}

}  // namespace

int BackendReport::failed() const {
  return static_cast<int>(std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.failed(); }));
}
int BackendReport::ran() const {
  return static_cast<int>(std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return !f.refused; }));
}

void print_table(std::ostream& out, const std::vector<BackendReport>& reports, bool with_refusals) {
  std::vector<std::string> headings{"backend", "dtype", ">cases", ">refused"};
  for (const std::string& error : kErrors) headings.push_back(">" + error);
  headings.insert(headings.end(), {"laws", "pairs", "repeat", "memory", ">failed"});
  host::Table table(headings);
  for (const BackendReport& report : reports) {
    std::map<std::string, Row> rows;
    for (const Finding& finding : report.findings) add(rows[finding.dtype], finding);
    for (const auto& [dtype, row] : rows) {
      std::vector<std::string> cells{report.backend, dtype, std::to_string(row.ran), std::to_string(row.refused)};
      for (const std::string& error : kErrors) cells.push_back(error_text(row, error));
      for (const char* verdict : {"laws", "pairs", "repeat", "memory"}) cells.push_back(verdict_text(row, verdict));
      cells.push_back(std::to_string(row.failed));
      table.row(std::move(cells));
    }
  }
  table.print(out);
  for (const BackendReport& report : reports)
    for (const Finding& finding : report.findings) {
      if (finding.failed())
        out << "FAILED " << report.backend << ' ' << finding.dtype << ' ' << finding.c.text() << ": " << what_failed(finding)
            << '\n';
      if (finding.refused && with_refusals)
        out << "refused " << report.backend << ' ' << finding.dtype << ' ' << finding.c.text() << ": " << finding.reason
            << '\n';
    }
}

host::Json report_json(const std::vector<BackendReport>& reports) {
  host::Json all = host::Json::array();
  for (const BackendReport& report : reports) {
    host::Json cases = host::Json::array();
    for (const Finding& finding : report.findings) {
      host::Json errors = host::Json::object();
      for (const Measured& m : finding.measured)
        errors[m.what] = {{"value", host::to_json(Value(m.value))}, {"limit", m.limit}, {"ok", m.ok()}};
      host::Json one = {{"case", finding.c.text()},
                        {"dtype", finding.dtype},
                        {"result", finding.refused    ? "refused"
                                   : finding.failed() ? "failed"
                                                      : "passed"},
                        {"measured", errors}};
      if (!finding.failures.empty()) one["failures"] = finding.failures;
      if (finding.refused) one["reason"] = finding.reason;
      cases.push_back(std::move(one));
    }
    all.push_back({{"backend", report.backend},
                   {"plugin", report.plugin},
                   {"device", report.device},
                   {"chooses_keys", report.chooses_keys},
                   {"ran", report.ran()},
                   {"failed", report.failed()},
                   {"cases", std::move(cases)}});
  }
  return all;
}

}  // namespace fvattn::verify
