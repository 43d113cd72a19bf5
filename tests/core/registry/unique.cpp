// Compiled with -fgnu-unique: an inline variable with default visibility becomes STB_GNU_UNIQUE.
template <class T>
struct Holder {
  static inline int value = 3;
};
template struct Holder<int>;
int* address() { return &Holder<int>::value; }
