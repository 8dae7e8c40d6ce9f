# The page travels inside the program: each file of rsu/http/page becomes an array of octets, found by name and recognised by
# the first 32 digits of its SHA-256.
set(page_types "html=text/html" "css=text/css" "js=text/javascript" "svg=image/svg+xml")
file(GLOB page_files RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}/page CONFIGURE_DEPENDS
    ${CMAKE_CURRENT_SOURCE_DIR}/page/*.html ${CMAKE_CURRENT_SOURCE_DIR}/page/*.css
    ${CMAKE_CURRENT_SOURCE_DIR}/page/*.js ${CMAKE_CURRENT_SOURCE_DIR}/page/*.svg)
list(SORT page_files)
set(page_arrays "")
set(page_table "")
set(number 0)
foreach(name IN LISTS page_files)
    set(path ${CMAKE_CURRENT_SOURCE_DIR}/page/${name})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} hex HEX)
    file(SHA256 ${path} digest)
    string(SUBSTRING ${digest} 0 32 digest)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," octets "${hex}")
    string(REGEX REPLACE ".*\\." "" ending ${name})
    foreach(pair IN LISTS page_types)
        if(pair MATCHES "^${ending}=(.*)$")
            set(type ${CMAKE_MATCH_1})
        endif()
    endforeach()
    string(APPEND page_arrays "static const uint8_t file_${number}[] = {${octets}};\n")
    string(APPEND page_table "    {\"${name}\", \"${type}; charset=utf-8\", \"${digest}\", {file_${number}, sizeof(file_${number})}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/gen/rsu/http/page_files.c CONTENT
"#include \"rsu/http/page_files.h\"
@page_arrays@
const struct page_file page_files[] = {
@page_table@};
const size_t page_n_files = @number@;
" @ONLY)
