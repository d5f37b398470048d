# cmake -DNM=nm -DARCHIVES=a;b -P at_exit.cmake: no object of the library, static or thread_local, has a destructor that
# runs at exit (CONTRIBUTING.md, Rules).

foreach(archive IN LISTS ARCHIVES)
  execute_process(COMMAND "${NM}" -A -u "${archive}" OUTPUT_VARIABLE undefined COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]*__cxa_(thread_)?atexit[^\n]*" found "${undefined}")
  foreach(line IN LISTS found)
    message(SEND_ERROR "${line}: something here is destroyed at exit")
  endforeach()
endforeach()
