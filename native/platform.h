// What JavaScript has no way to ask of the system.
#ifndef SIDECERT_PLATFORM_H
#define SIDECERT_PLATFORM_H

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace sidecert {

struct PeerCredentials {
  int64_t pid;
  int64_t uid;
  int64_t gid;
};

// Why the system said no.
struct SystemError {
  // As errno(3) names it; empty where this system has no such call.
  std::string name;
  std::string message;
};

// Who connected, or made the pair, of a Unix socket: as it was then, and told by the kernel. (SO_PEERCRED in unix(7))
std::variant<PeerCredentials, SystemError> peerCredentials(int descriptor);

// Keeps this process from being dumped, and from being traced or read by others of its user. (PR_SET_DUMPABLE in
// prctl(2)) Takes away its limit for core files, too. Nothing when it is so.
std::optional<SystemError> forbidDumping();

// Has this process killed when the process that has started it ends, whatever hangs in this one: a thread that is stuck
// in a library sees no closed pipe. (PR_SET_PDEATHSIG in prctl(2)) Kills it at once when that one, `parent`, has ended already.
// Linux alone; elsewhere nothing.
void endWithParent(int64_t parent);

// Makes room in the process's table of descriptors for so many, as far as its limit goes. The code that opens the first one that
// the table has no room for waits until each core has gone through the scheduler, 5 to 15 ms, when there are threads
// (Linux, expand_fdtable): so it is done ahead, and by who has the time.
void reserveDescriptors(int count);

}  // namespace sidecert

#endif
