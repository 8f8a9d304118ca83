module github.com/vito/midterm

go 1.26.1

require airgap.local/midterm v0.2.4
