#include "instance.h"

#include <algorithm>

namespace sidecert {

namespace {
constexpr size_t kMaxSigners = 4;
}

const Curves* Instance::curves() {
  if (!curves_) curves_ = Curves::create();
  return curves_.get();
}

const LoadedSigner* Instance::signer(const std::string& id) {
  const auto found =
      std::find_if(signers_.begin(), signers_.end(), [&](const KeptSigner& kept) { return kept.id == id; });
  if (found == signers_.end()) return nullptr;
  signers_.splice(signers_.begin(), signers_, found);
  return signers_.front().signer.get();
}

void Instance::keepSigner(const std::string& id, std::unique_ptr<LoadedSigner> signer) {
  signers_.remove_if([&](const KeptSigner& kept) { return kept.id == id; });
  signers_.push_front({id, std::move(signer)});
  if (signers_.size() > kMaxSigners) signers_.pop_back();
}

}  // namespace sidecert
