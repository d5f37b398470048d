#pragma once
/// \file
/// What a program writes into its SQLite files, recorded by a VFS of our own, and the files as a crash of the machine
/// would leave them: what was synced is there, of what was not synced nothing, all or some.

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sqlq::sqlite {

/// While it lives, every SQLite file that this process opens is recorded. One at a time. Thread-safe.
class Recorder {
 public:
  struct Step {
    enum class Kind { write, truncate, sync, remove };
    Kind kind = Kind::write;
    std::string file{};
    std::int64_t offset = 0;  ///< truncate: the new size
    std::string bytes{};
  };

  Recorder() : original_(sqlite3_vfs_find(nullptr)) {
    if (current_ != nullptr) throw std::runtime_error("there is a recorder already");
    current_ = this;
    vfs_ = *original_;
    vfs_.zName = "recorder";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + original_->szOsFile;
    vfs_.xOpen = &open;
    vfs_.xDelete = [](sqlite3_vfs*, const char* name, int sync) {
      current_->record({Step::Kind::remove, name});
      return real().xDelete(&real(), name, sync);
    };
    vfs_.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
      return real().xAccess(&real(), name, flags, out);
    };
    vfs_.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
      return real().xFullPathname(&real(), name, size, out);
    };
    vfs_.xRandomness = [](sqlite3_vfs*, int size, char* out) { return real().xRandomness(&real(), size, out); };
    vfs_.xSleep = [](sqlite3_vfs*, int us) { return real().xSleep(&real(), us); };
    vfs_.xCurrentTime = [](sqlite3_vfs*, double* out) { return real().xCurrentTime(&real(), out); };
    vfs_.xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* out) { return real().xCurrentTimeInt64(&real(), out); };
    vfs_.xGetLastError = [](sqlite3_vfs*, int size, char* out) { return real().xGetLastError(&real(), size, out); };
    if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("cannot register a VFS");
  }
  ~Recorder() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(original_, 1);
    current_ = nullptr;
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// How many steps there are so far.
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return steps_.size();
  }
  [[nodiscard]] std::vector<Step> steps() const {
    const std::lock_guard lock(mutex_);
    return steps_;
  }

 private:
  struct File {
    sqlite3_file base;
    sqlite3_file* real;
    const char* name;  // SQLite keeps it as long as the file is open
  };

  static sqlite3_vfs& real() { return *current_->original_; }
  static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real; }
  static void record(sqlite3_file* file, Step::Kind kind, std::int64_t offset = 0, std::string bytes = {}) {
    current_->record({kind, reinterpret_cast<File*>(file)->name, offset, std::move(bytes)});
  }
  void record(Step step) {
    const std::lock_guard lock(mutex_);
    steps_.push_back(std::move(step));
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* into, int flags, int* out) {
    auto* file = new (into) File{{nullptr}, reinterpret_cast<sqlite3_file*>(reinterpret_cast<File*>(into) + 1), name};
    if (name == nullptr) return SQLITE_CANTOPEN;  // what is temporary is kept in memory
    const int rc = real().xOpen(&real(), name, file->real, flags, out);
    if (rc == SQLITE_OK) file->base.pMethods = &methods();
    return rc;
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods table = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;  // without xFetch: nothing is read or written behind our back
      m.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
      m.xRead = [](sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
        return real(f)->pMethods->xRead(real(f), to, n, at);
      };
      m.xWrite = [](sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
        record(f, Step::Kind::write, at, std::string(static_cast<const char*>(from), static_cast<std::size_t>(n)));
        return real(f)->pMethods->xWrite(real(f), from, n, at);
      };
      m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
        record(f, Step::Kind::truncate, size);
        return real(f)->pMethods->xTruncate(real(f), size);
      };
      m.xSync = [](sqlite3_file* f, int flags) {
        const int rc = real(f)->pMethods->xSync(real(f), flags);
        record(f, Step::Kind::sync);
        return rc;
      };
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* out) { return real(f)->pMethods->xFileSize(real(f), out); };
      m.xLock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); };
      m.xUnlock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); };
      m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
        return real(f)->pMethods->xCheckReservedLock(real(f), out);
      };
      m.xFileControl = [](sqlite3_file* f, int what, void* with) {
        return real(f)->pMethods->xFileControl(real(f), what, with);
      };
      m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
      m.xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
        return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
      };
      m.xShmLock = [](sqlite3_file* f, int at, int n, int flags) {
        return real(f)->pMethods->xShmLock(real(f), at, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
      m.xShmUnmap = [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); };
      return m;
    }();
    return table;
  }

  static inline Recorder* current_ = nullptr;
  sqlite3_vfs* original_;
  sqlite3_vfs vfs_{};
  mutable std::mutex mutex_;
  std::vector<Step> steps_;
};

/// The contents of all files after the first `n` steps and a crash. `survives` is asked for each write that was not
/// synced; that a file was made or removed always survives.
inline std::map<std::string, std::string> after_crash(const std::vector<Recorder::Step>& steps, std::size_t n,
                                                      const std::function<bool()>& survives) {
  std::map<std::string, std::size_t> synced;
  for (std::size_t i = 0; i < n; ++i) {
    if (steps[i].kind == Recorder::Step::Kind::sync) synced[steps[i].file] = i;
  }
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < n; ++i) {
    const Recorder::Step& step = steps[i];
    if (step.kind == Recorder::Step::Kind::sync) continue;
    if (step.kind == Recorder::Step::Kind::remove) {
      files.erase(step.file);
      continue;
    }
    const auto durable = synced.find(step.file);
    const bool sure = durable != synced.end() && i < durable->second;
    if (!sure && !survives()) continue;
    std::string& content = files[step.file];
    const auto offset = static_cast<std::size_t>(step.offset);
    if (step.kind == Recorder::Step::Kind::truncate) {
      content.resize(offset);
    } else {
      if (content.size() < offset + step.bytes.size()) content.resize(offset + step.bytes.size());
      content.replace(offset, step.bytes.size(), step.bytes);
    }
  }
  return files;
}

}  // namespace sqlq::sqlite
