# Editing a manifest as text: CMake has no TOML.

# fvattn_add_key(TABLE KEY VALUE): adds a line to [TABLE] of the variable `document`, and the table if it is not there.
# A key that the author wrote stands.
function(fvattn_add_key table key value)
  set(header "\\[${table}\\][ \t]*(#[^\n]*)?\n")
  string(REPLACE "." "\\." pattern ${key})
  if(document MATCHES "(^|\n)${header}([^[\n][^\n]*\n|\n)*[ \t]*${pattern}[ \t]*=")
    return()
  elseif(document MATCHES "(^|\n)${header}")
    string(REGEX REPLACE "(^|\n)(${header})" "\\1\\2${key} = ${value}\n" document "${document}")
  else()
    string(APPEND document "\n[${table}]\n${key} = ${value}\n")
  endif()
  set(document "${document}" PARENT_SCOPE)
endfunction()

# fvattn_floor(OUT PREFIX VERSIONS): the newest symbol version PREFIX_x.y that readelf lists as needed, "" for none.
function(fvattn_floor out prefix versions)
  set(newest "")
  string(REGEX MATCHALL "Name: ${prefix}_[0-9.]+" names "${versions}")
  foreach(entry IN LISTS names)
    string(REPLACE "Name: ${prefix}_" "" number ${entry})
    if(newest STREQUAL "" OR number VERSION_GREATER newest)
      set(newest ${number})
    endif()
  endforeach()
  set(${out} "${newest}" PARENT_SCOPE)
endfunction()

# fvattn_check_architectures(ASKED SASS PTX): each architecture that CMake was asked for (comma list) is in the binary.
function(fvattn_check_architectures asked sass ptx)
  string(REPLACE "," ";" asked "${asked}")
  foreach(entry IN LISTS asked)
    string(REGEX MATCH "^([0-9]+[af]?)(-real|-virtual)?$" known ${entry})
    if(known AND NOT "${CMAKE_MATCH_2}" STREQUAL "-virtual" AND NOT CMAKE_MATCH_1 IN_LIST sass)
      message(FATAL_ERROR "architecture ${entry} was asked for, the library has machine code for '${sass}'")
    elseif(known AND NOT "${CMAKE_MATCH_2}" STREQUAL "-real" AND NOT CMAKE_MATCH_1 IN_LIST ptx)
      message(FATAL_ERROR "architecture ${entry} was asked for, the library has PTX for '${ptx}'")
    endif()
  endforeach()
endfunction()
