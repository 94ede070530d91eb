#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include "binding.h"
#include "socket_hub.h"

namespace sidecert {

namespace {

constexpr size_t kFieldsOfEvent = 5;
constexpr size_t kFieldsOfMessage = 6;

// How many events are collected at once, so that what comes next is not kept waiting by them: what a bad turn makes of it,
// and a good one. An ACK costs 10 µs, and a new peer's first request, whose code has hardly run yet, a quarter of a millisecond.
class TurnBudget {
 public:
  explicit TurnBudget(size_t maxEvents) : maxEvents_(maxEvents), events_(std::min(maxEvents, kFirst)) {}

  size_t events() const { return events_; }

  void learn(size_t told, uint64_t tookNs, bool isLeft) {
    if (isLeft) events_ = std::max(std::min(kFewest, maxEvents_), events_ / 2);
    else if (tookNs < kShortNs && told == events_) events_ = std::min(maxEvents_, events_ * 2);
  }

 private:
  static constexpr size_t kFirst = 8;
  static constexpr size_t kFewest = 8;
  static constexpr uint64_t kShortNs = 1'500'000;

  size_t maxEvents_;
  size_t events_;
};

// Keeps room for as many descriptors again as there are, four times as many at a time, which a thread of libuv's pool waits
// for: when thousands of peers connect at once, the event loop would at each doubling. The first room is made before
// any client connects, and is so large (32 kB of the kernel's) that a crowd does not fill it while the next is made.
class DescriptorRoom {
 public:
  void keepAhead(Napi::Env env, int highest) {
    if (highest < room_ / 2) return;
    room_ = room_ == 0 ? kFirst : room_ * 4;
    if (room_ > kMost) room_ = std::numeric_limits<int>::max();
    else (new Growth(env, room_))->Queue();
  }

 private:
  static constexpr int kFirst = 4096;
  static constexpr int kMost = 1 << 20;

  // Deletes itself when it is done.
  class Growth : public Napi::AsyncWorker {
   public:
    Growth(Napi::Env env, int count) : Napi::AsyncWorker(env, "sidecert.DescriptorRoom"), count_(count) {}
    void Execute() override { reserveDescriptors(count_); }

   private:
    int count_;
  };

  int room_ = 0;
};

// A hub within the event loop of its thread: as long as it is open, the loop calls `onEvents` when there are some. The
// loop frees a handle in a turn of its own, so this may outlive the JavaScript object, and ends itself; and when its thread
// ends it goes first, so the object is told.
class PolledHub {
 public:
  // What belongs to JavaScript: memory that both sides use, and whom to call.
  struct Shared {
    Napi::Reference<Napi::Uint8Array> arena;
    Napi::Reference<Napi::Int32Array> events;
    // The bytes of messages, and the messages, for sendAll.
    Napi::Reference<Napi::Uint8Array> outgoing;
    Napi::Reference<Napi::Int32Array> messages;
    Napi::FunctionReference onEvents;
  };

  // Points `holder` to it for as long as it is open. False when the loop does not take it.
  static bool start(Napi::Env env, std::unique_ptr<SocketHub> hub, Shared shared, PolledHub*& holder) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
    std::unique_ptr<PolledHub> made(new PolledHub(env, std::move(hub), std::move(shared)));
    if (uv_poll_init(loop, &made->poll_, made->hub_->descriptor()) != 0) return false;
    // From here on it belongs to the loop, which gives it back in `closed`.
    PolledHub* const owned = made.release();
    owned->poll_.data = owned;
    napi_add_async_cleanup_hook(env, endWithThread, owned, &owned->cleanup_);
    uv_poll_start(&owned->poll_, UV_READABLE, turn);
    owned->holder_ = &holder;
    holder = owned;
    owned->keepRoom();
    return true;
  }

  SocketHub& hub() { return *hub_; }
  void keepRoom() { room_.keepAhead(env_, hub_->highestDescriptor()); }
  // All that happened has been told.
  void resume() { isTelling_ = false; }

  // Of the messages that lie in the shared memory.
  void sendAll(size_t count, const std::vector<Piece>& shared) {
    static_assert(sizeof(Message) == kFieldsOfMessage * sizeof(int32_t));
    hub_->sendAll(outgoing_, shared, reinterpret_cast<Message*>(messages_), std::min(count, maxMessages_));
  }

  void end() {
    if (std::exchange(isEnding_, true)) return;
    *holder_ = nullptr;
    uv_poll_stop(&poll_);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), closed);
  }

 private:
  PolledHub(Napi::Env env, std::unique_ptr<SocketHub> hub, Shared shared)
      : env_(env),
        hub_(std::move(hub)),
        shared_(std::move(shared)),
        context_(env, "sidecert.SocketHub"),
        arena_(shared_.arena.Value().Data()),
        arenaBytes_(shared_.arena.Value().ByteLength()),
        events_(shared_.events.Value().Data()),
        budget_(shared_.events.Value().ElementLength() / kFieldsOfEvent),
        outgoing_{shared_.outgoing.Value().Data(), shared_.outgoing.Value().ByteLength()},
        messages_(shared_.messages.Value().Data()),
        maxMessages_(shared_.messages.Value().ElementLength() / kFieldsOfMessage) {}

  static void turn(uv_poll_t* poll, int, int) { static_cast<PolledHub*>(poll->data)->tellWhatHappened(); }

  static void closed(uv_handle_t* handle) {
    const std::unique_ptr<PolledHub> ended(static_cast<PolledHub*>(handle->data));
    const Napi::HandleScope scope(ended->env_);
    if (ended->cleanup_ != nullptr) napi_remove_async_cleanup_hook(ended->cleanup_);
  }

  static void endWithThread(napi_async_cleanup_hook_handle, void* owned) { static_cast<PolledHub*>(owned)->end(); }

  void tellWhatHappened() {
    if (isTelling_) return;
    static_assert(sizeof(SocketEvent) == kFieldsOfEvent * sizeof(int32_t));
    const size_t count = hub_->collect(arena_, arenaBytes_, reinterpret_cast<SocketEvent*>(events_), budget_.events());
    if (count == 0) return;
    const Napi::HandleScope scope(env_);
    keepRoom();
    const napi_value argument = Napi::Number::New(env_, static_cast<double>(count));
    const uint64_t startedNs = uv_hrtime();
    const Napi::Value isLeft = shared_.onEvents.MakeCallback(env_.Global(), {argument}, context_);
    isTelling_ = isTrue(isLeft);
    budget_.learn(count, uv_hrtime() - startedNs, isTelling_);
  }

  Napi::Env env_;
  std::unique_ptr<SocketHub> hub_;
  Shared shared_;
  Napi::AsyncContext context_;
  uint8_t* arena_;
  size_t arenaBytes_;
  int32_t* events_;
  TurnBudget budget_;
  DescriptorRoom room_;
  Piece outgoing_;
  int32_t* messages_;
  size_t maxMessages_;
  uv_poll_t poll_{};
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  PolledHub** holder_ = nullptr;
  bool isEnding_ = false;
  // What was collected last is still being told, in turns.
  bool isTelling_ = false;
};

bool areNumbers(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
}

int32_t slotOf(const Napi::Value& value) { return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1; }

class SocketHubObject : public Napi::ObjectWrap<SocketHubObject> {
 public:
  static void exportTo(Napi::Env env, Napi::Object exports) {
    exports["SocketHub"] = DefineClass(env, "SocketHub",
                                       {
                                           InstanceMethod<&SocketHubObject::listen>("listen"),
                                           InstanceMethod<&SocketHubObject::stopListening>("stopListening"),
                                           InstanceMethod<&SocketHubObject::resumeAccepting>("resumeAccepting"),
                                           InstanceMethod<&SocketHubObject::resume>("resume"),
                                           InstanceMethod<&SocketHubObject::connect>("connect"),
                                           InstanceMethod<&SocketHubObject::send>("send"),
                                           InstanceMethod<&SocketHubObject::sendAll>("sendAll"),
                                           InstanceMethod<&SocketHubObject::awaitWritable>("awaitWritable"),
                                           InstanceMethod<&SocketHubObject::setReading>("setReading"),
                                           InstanceMethod<&SocketHubObject::finish>("finish"),
                                           InstanceMethod<&SocketHubObject::closeSocket>("closeSocket"),
                                           InstanceMethod<&SocketHubObject::close>("close"),
                                       });
  }

  explicit SocketHubObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SocketHubObject>(info) {
    const Napi::Env env = info.Env();
    const bool areTyped = bytesOf(info[0]) && areNumbers(info[1]) && bytesOf(info[2]) && areNumbers(info[3]) && info[4].IsFunction();
    if (!areTyped) {
      throwSystemError(env, {"EINVAL", "socket hub: expected an arena, events, memory for messages, messages and a function"});
      return;
    }
    auto opened = SocketHub::open();
    if (const auto* failure = std::get_if<SystemError>(&opened)) {
      throwSystemError(env, *failure);
      return;
    }
    PolledHub::Shared shared;
    shared.arena = Napi::Persistent(info[0].As<Napi::Uint8Array>());
    shared.events = Napi::Persistent(info[1].As<Napi::Int32Array>());
    shared.outgoing = Napi::Persistent(info[2].As<Napi::Uint8Array>());
    shared.messages = Napi::Persistent(info[3].As<Napi::Int32Array>());
    shared.onEvents = Napi::Persistent(info[4].As<Napi::Function>());
    const bool isPolled = PolledHub::start(env, std::move(*std::get_if<0>(&opened)), std::move(shared), polled_);
    if (!isPolled) throwSystemError(env, {"EINVAL", "socket hub: cannot be polled"});
  }

  // It cannot be closed any more.
  ~SocketHubObject() override { end(); }

 private:
  void listen(const Napi::CallbackInfo& info) {
    const std::optional<std::string> path = textOf(info[0]);
    const std::optional<double> backlog = numberOf(info[1]);
    if (polled_ == nullptr || !path || !backlog) {
      throwSystemError(info.Env(), {"EINVAL", "listen: expected an open hub, a path and a backlog"});
      return;
    }
    const std::optional<SystemError> failure = polled_->hub().listen(*path, static_cast<int>(*backlog));
    if (failure) throwSystemError(info.Env(), *failure);
    else polled_->keepRoom();
  }

  void stopListening(const Napi::CallbackInfo&) {
    if (polled_ != nullptr) polled_->hub().stopListening();
  }

  void resumeAccepting(const Napi::CallbackInfo&) {
    if (polled_ != nullptr) polled_->hub().resumeAccepting();
  }

  void resume(const Napi::CallbackInfo&) {
    if (polled_ != nullptr) polled_->resume();
  }

  Napi::Value connect(const Napi::CallbackInfo& info) {
    const std::optional<std::string> path = textOf(info[0]);
    if (polled_ == nullptr || !path) return Napi::Number::New(info.Env(), polled_ == nullptr ? -EBADF : -EINVAL);
    return Napi::Number::New(info.Env(), polled_->hub().connect(*path));
  }

  // send(slot, bytes)
  Napi::Value send(const Napi::CallbackInfo& info) {
    const std::optional<View> bytes = bytesOf(info[1]);
    if (polled_ == nullptr || !bytes) return Napi::Number::New(info.Env(), -EBADF);
    const Piece piece{bytes->data, bytes->size};
    return Napi::Number::New(info.Env(), static_cast<double>(polled_->hub().send(slotOf(info[0]), &piece, 1)));
  }

  // sendAll(count, shared)
  void sendAll(const Napi::CallbackInfo& info) {
    const std::optional<double> count = numberOf(info[0]);
    if (polled_ == nullptr || !count || *count < 0 || !info[1].IsArray()) return;
    const auto shared = info[1].As<Napi::Array>();
    const uint32_t sharedCount = shared.Length();
    shared_.clear();
    for (uint32_t index = 0; index < sharedCount; index += 1) {
      const std::optional<View> bytes = bytesOf(shared.Get(index));
      shared_.push_back(bytes ? Piece{bytes->data, bytes->size} : Piece{nullptr, 0});
    }
    polled_->sendAll(static_cast<size_t>(*count), shared_);
  }

  void awaitWritable(const Napi::CallbackInfo& info) {
    if (polled_ != nullptr) polled_->hub().awaitWritable(slotOf(info[0]));
  }

  void setReading(const Napi::CallbackInfo& info) {
    const bool isReading = info[1].IsBoolean() && info[1].As<Napi::Boolean>().Value();
    if (polled_ != nullptr) polled_->hub().setReading(slotOf(info[0]), isReading);
  }

  void finish(const Napi::CallbackInfo& info) {
    if (polled_ != nullptr) polled_->hub().finish(slotOf(info[0]));
  }

  void closeSocket(const Napi::CallbackInfo& info) {
    if (polled_ != nullptr) polled_->hub().close(slotOf(info[0]));
  }

  void close(const Napi::CallbackInfo&) { end(); }

  void end() {
    if (polled_ != nullptr) polled_->end();
  }

  PolledHub* polled_ = nullptr;
  // What sendAll was given last: kept for its room.
  std::vector<Piece> shared_;
};

}  // namespace

void exportSocketHub(Napi::Env env, Napi::Object exports) { SocketHubObject::exportTo(env, exports); }

}  // namespace sidecert
