#pragma once
/// \file
/// What `stop_token.hpp` gives where the standard library has no stop tokens. Members and rules are those of C++20,
/// [thread.stoptoken] and [thread.jthread.class]; left out: `nostopstate`, comparisons, `swap`, `native_handle`.

#include <atomic>
#include <concepts>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace sqlq::own {

namespace detail {

/// A callback in the list of its state.
struct StopNode {
  void (*call)(StopNode&) noexcept = nullptr;
  StopNode* before = nullptr;
  StopNode* after = nullptr;
  bool listed = false;
};

/// What a source, its tokens and their callbacks share. Thread-safe.
class StopState {
 public:
  [[nodiscard]] bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
  [[nodiscard]] bool possible() const noexcept { return requested() || sources_.load() > 0; }
  void add_source() noexcept { sources_.fetch_add(1); }
  void remove_source() noexcept { sources_.fetch_sub(1); }

  /// Calls all that are listed, on this thread, each without the lock. False: it was requested before.
  bool request() noexcept {
    std::unique_lock lock(mutex_);
    if (requested()) return false;
    requested_.store(true, std::memory_order_release);
    caller_ = std::this_thread::get_id();
    while (first_ != nullptr) {
      called_ = first_;
      unlist(*called_);
      lock.unlock();
      called_->call(*called_);  // may destroy itself, and with it the node
      lock.lock();
      called_ = nullptr;
      returned_.notify_all();
    }
    return true;
  }

  /// Lists the node; false when stop was requested before: the caller calls it.
  [[nodiscard]] bool add(StopNode& node) noexcept {
    const std::lock_guard lock(mutex_);
    if (requested()) return false;
    node.after = first_;
    if (first_ != nullptr) first_->before = &node;
    first_ = &node;
    node.listed = true;
    return true;
  }

  /// When it returns, the node is not called any more. It waits for a call on another thread.
  void remove(StopNode& node) noexcept {
    std::unique_lock lock(mutex_);
    if (node.listed) return unlist(node);
    if (called_ == &node && caller_ != std::this_thread::get_id()) {
      returned_.wait(lock, [&] { return called_ != &node; });
    }
  }

 private:
  void unlist(StopNode& node) noexcept {
    if (node.before != nullptr) node.before->after = node.after;
    if (node.after != nullptr) node.after->before = node.before;
    if (first_ == &node) first_ = node.after;
    node.before = node.after = nullptr;
    node.listed = false;
  }

  std::atomic<bool> requested_{false};
  std::atomic<long> sources_{1};
  std::mutex mutex_;
  std::condition_variable returned_;
  StopNode* first_ = nullptr;
  StopNode* called_ = nullptr;
  std::thread::id caller_;
};

}  // namespace detail

/// Says whether its source was asked to stop. A default one never is. Copies are cheap; thread-safe.
class stop_token {
 public:
  stop_token() noexcept = default;
  [[nodiscard]] bool stop_requested() const noexcept { return state_ != nullptr && state_->requested(); }
  /// False: it was not asked, and nobody is left who could ask.
  [[nodiscard]] bool stop_possible() const noexcept { return state_ != nullptr && state_->possible(); }

 private:
  friend class stop_source;
  template <class Callback>
  friend class stop_callback;
  explicit stop_token(std::shared_ptr<detail::StopState> state) noexcept : state_(std::move(state)) {}
  std::shared_ptr<detail::StopState> state_;
};

/// Asks all tokens that it gave to stop. Copies share them; thread-safe.
class stop_source {
 public:
  stop_source() : state_(std::make_shared<detail::StopState>()) {}
  stop_source(const stop_source& other) noexcept : state_(other.state_) {
    if (state_ != nullptr) state_->add_source();
  }
  stop_source(stop_source&& other) noexcept = default;
  stop_source& operator=(stop_source other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~stop_source() {
    if (state_ != nullptr) state_->remove_source();
  }

  [[nodiscard]] stop_token get_token() const noexcept { return stop_token(state_); }
  [[nodiscard]] bool stop_possible() const noexcept { return state_ != nullptr; }
  [[nodiscard]] bool stop_requested() const noexcept { return state_ != nullptr && state_->requested(); }
  /// Calls the callbacks on this thread. False: stop was requested before.
  bool request_stop() const noexcept { return state_ != nullptr && state_->request(); }

 private:
  std::shared_ptr<detail::StopState> state_;
};

/// Calls `callback` once when its token is tripped: on the thread that trips it, or in the constructor when it was
/// tripped before. An exception from it ends the process. The destructor waits for a call on another thread.
template <class Callback>
class stop_callback : private detail::StopNode {
 public:
  using callback_type = Callback;

  template <class C>
    requires std::constructible_from<Callback, C>
  explicit stop_callback(stop_token token, C&& callback) noexcept(std::is_nothrow_constructible_v<Callback, C>)
      : callback_(std::forward<C>(callback)), state_(std::move(token.state_)) {
    call = [](StopNode& node) noexcept { std::forward<Callback>(static_cast<stop_callback&>(node).callback_)(); };
    if (state_ != nullptr && !state_->add(*this)) call(*this);
  }
  ~stop_callback() {
    if (state_ != nullptr) state_->remove(*this);
  }
  stop_callback(const stop_callback&) = delete;
  stop_callback& operator=(const stop_callback&) = delete;

 private:
  Callback callback_;
  const std::shared_ptr<detail::StopState> state_;
};

template <class Callback>
stop_callback(stop_token, Callback) -> stop_callback<Callback>;

/// A std::thread that is asked to stop and joined by its destructor. The function gets a `stop_token` first if it takes
/// one.
class jthread {
 public:
  using id = std::thread::id;

  jthread() noexcept = default;
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, jthread>)
  explicit jthread(F&& function, Args&&... args) : stop_(std::make_unique<stop_source>()) {
    if constexpr (std::is_invocable_v<std::decay_t<F>, stop_token, std::decay_t<Args>...>) {
      thread_ = std::thread(std::forward<F>(function), stop_->get_token(), std::forward<Args>(args)...);
    } else {
      thread_ = std::thread(std::forward<F>(function), std::forward<Args>(args)...);
    }
  }
  ~jthread() { end(); }
  jthread(jthread&&) noexcept = default;
  jthread& operator=(jthread&& other) noexcept {
    if (this == &other) return *this;
    end();
    thread_ = std::move(other.thread_);
    stop_ = std::move(other.stop_);
    return *this;
  }

  [[nodiscard]] bool joinable() const noexcept { return thread_.joinable(); }
  void join() { thread_.join(); }
  void detach() { thread_.detach(); }
  [[nodiscard]] id get_id() const noexcept { return thread_.get_id(); }
  [[nodiscard]] stop_token get_stop_token() const noexcept { return stop_ ? stop_->get_token() : stop_token{}; }
  bool request_stop() noexcept { return stop_ != nullptr && stop_->request_stop(); }
  [[nodiscard]] static unsigned hardware_concurrency() noexcept { return std::thread::hardware_concurrency(); }

 private:
  void end() noexcept {
    if (!joinable()) return;
    request_stop();
    join();
  }

  std::unique_ptr<stop_source> stop_;
  std::thread thread_;
};

}  // namespace sqlq::own
