# The program is where the official image has it.
mkdir /ko-app
mv /usr/bin/cosign /ko-app/cosign
update-ca-certificates
