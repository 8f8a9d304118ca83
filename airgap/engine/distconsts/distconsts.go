// Package distconsts replaces Dagger's package of the same name, which is not
// served. Being constants, it also decides where this engine finds its files:
// below /run/dagger/airgap, where the airgap program binds its state folder.
package distconsts

// Where the engine and the CLI meet, as users of Dagger expect.
const (
	DefaultEngineSockAddr = "unix:///run/dagger/engine.sock"
	EngineContainerName   = "dagger-engine.dev"
	OCIVersionAnnotation  = "org.opencontainers.image.version"
)

// Files of the engine.
const (
	RuncPath                         = "/run/dagger/airgap/bin/runc"
	DaggerInitPath                   = "/run/dagger/airgap/bin/dagger-init"
	EngineContainerBuiltinContentDir = "/run/dagger/airgap/content"
	EngineCustomCACertsDir           = "/run/dagger/airgap/ca-certificates"
	EngineDefaultStateDir            = "/run/dagger/airgap/state"
)

// Variables that name the manifest of an SDK in the builtin content.
const (
	GoSDKManifestDigestEnvName         = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	PythonSDKManifestDigestEnvName     = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"
)

// AlpineImage is where `terminal` opens a directory.
const AlpineImage = "alpine:3.22.1"
