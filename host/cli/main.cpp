// The program fvattn: light verbs are built in, heavy ones are programs of their own (as in git).
#include "cli/dispatch.hpp"

int main(int argc, char** argv) { return fvattn::host::dispatch(argc, argv); }
