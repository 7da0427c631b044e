// The package has no types of its own.
declare module 'check-dependencies' {
  /** Whether the packages that a package.json names are installed in the versions that it names. */
  export default function check(opts: {
    /** Folder of package.json. */
    packageDir: string
    scopeList: string[]
  }): Promise<{ depsWereOk: boolean; error: string[] }>
}
