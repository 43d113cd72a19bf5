# Tests whose program runs as several ranks of mpirun.
include_guard()

# Debian's mpirun refuses root unless it is told twice.
set(FVATTN_MPI_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMP_NUM_THREADS=1
    OMPI_MCA_btl_vader_single_copy_mechanism=none # also where containers forbid reading other processes
    XDG_CONFIG_HOME=/nonexistent XDG_DATA_HOME=/nonexistent)

# fvattn_ranks_program(NAME source...)
function(fvattn_ranks_program name)
  add_executable(${name} ${ARGN})
  add_dependencies(${name} fvattn_mpi)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
endfunction()

# fvattn_ranks_test(NAME RANKS TARGET argument...)
function(fvattn_ranks_test name ranks target)
  add_test(NAME ${name} COMMAND ${MPIEXEC_EXECUTABLE} -n ${ranks} --oversubscribe --bind-to none
                                $<TARGET_FILE:${target}> ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS host TIMEOUT 120 PROCESSORS 2 ENVIRONMENT "${FVATTN_MPI_ENVIRONMENT}")
endfunction()

# fvattn_skipped_test(NAME reason): in the list of tests, and seen to be skipped.
function(fvattn_skipped_test name reason)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: ${reason}")
  set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "^skipped")
endfunction()
