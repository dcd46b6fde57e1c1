#include "pmd/server/registry_store.hpp"

namespace distflow::pmd {
namespace {

Decision::Status status_of(Registry::Status status) {
  switch (status) {
    case Registry::Status::joined:
    case Registry::Status::replaced: return Decision::Status::accepted;
    case Registry::Status::alias_in_use: return Decision::Status::alias_in_use;
    case Registry::Status::node_id_in_use: return Decision::Status::node_id_in_use;
    case Registry::Status::full: return Decision::Status::full;
    case Registry::Status::owner_full: return Decision::Status::owner_full;
    case Registry::Status::user_full: return Decision::Status::user_full;
  }
  return Decision::Status::unavailable;
}

}  // namespace

Decision decide_by(const Registry& view, const Claim& claim) {
  const Registry::Verdict verdict = view.judge(claim);
  return {status_of(verdict.status), verdict.holder == nullptr ? nullptr : &verdict.holder->node};
}

}  // namespace distflow::pmd
