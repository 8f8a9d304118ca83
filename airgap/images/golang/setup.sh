packages git

# What builds programs stays; the sources of the toolchain itself and its tests do not.
rm -rf /usr/local/go/src/cmd /usr/local/go/src/*/testdata /usr/local/bin/go /usr/local/bin/gofmt
