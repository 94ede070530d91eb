// What the addon keeps for one environment of Node, which is one thread: so nothing here needs a lock, and all of it
// ends with the thread.
#ifndef SIDECERT_INSTANCE_H
#define SIDECERT_INSTANCE_H

#include <list>
#include <memory>
#include <string>

#include "issuers.h"
#include "key.h"
#include "signer.h"

namespace sidecert {

class Instance {
 public:
  // Made at first use: a process that only asks for a peer's credentials needs no curves. Null when memory has run out.
  const Curves* curves();

  // Null when `id` was never loaded here, or has been dropped since.
  const LoadedSigner* signer(const std::string& id);

  IssuersCache& issuers() { return issuers_; }

  // A root roll-over has two signers at a time; the one that was not used for longest is dropped beyond a few.
  void keepSigner(const std::string& id, std::unique_ptr<LoadedSigner> signer);

 private:
  struct KeptSigner {
    std::string id;
    std::unique_ptr<LoadedSigner> signer;
  };

  std::unique_ptr<Curves> curves_;
  IssuersCache issuers_;
  // Last used first.
  std::list<KeptSigner> signers_;
};

}  // namespace sidecert

#endif
