# Prints the file of /usr/share/common-licenses that a licence file is a copy of, or nothing. Such a file begins with its
# title and version, and has not more lines than the original: there is nothing else in it.
NF && beginning < 6 { beginning++; title = title " " toupper($0) }
END {
    gsub(/[^A-Z0-9.]+/, " ", title)
    file = ""
    if (title ~ /GNU LESSER GENERAL PUBLIC LICENSE VERSION 3/ && NR <= 175) file = "LGPL-3"
    else if (title ~ /GNU LESSER GENERAL PUBLIC LICENSE VERSION 2\.1/ && NR <= 520) file = "LGPL-2.1"
    else if (title ~ /GNU LIBRARY GENERAL PUBLIC LICENSE VERSION 2/ && NR <= 500) file = "LGPL-2"
    else if (title ~ /GNU GENERAL PUBLIC LICENSE VERSION 3/ && NR <= 690) file = "GPL-3"
    else if (title ~ /GNU GENERAL PUBLIC LICENSE VERSION 2/ && NR <= 350) file = "GPL-2"
    else if (title ~ /GNU GENERAL PUBLIC LICENSE VERSION 1/ && NR <= 260) file = "GPL-1"
    else if (title ~ /APACHE LICENSE VERSION 2\.0/ && NR <= 210) file = "Apache-2.0"
    if (file != "") print file
}
