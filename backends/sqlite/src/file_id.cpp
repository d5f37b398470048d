#include "file_id.hpp"

namespace sqlq::sqlite {

bool leads_to(const std::string& path, const FileId& file, Errc when_unknown) {
  const platform::FileLook look = platform::look_at(path);
  if (look.unknown()) {
    throw Error(when_unknown,
                "whether '" + path + "' is still the file that was opened could not be found out (" +
                    platform::system_text(look.error) + "): make it reachable again, then repeat the call",
                "sqlite", look.error);
  }
  return look.error == 0 && look.id == file;
}

}  // namespace sqlq::sqlite
